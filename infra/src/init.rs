//! `tapedeck init`: a few questions, and the file that answers them.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tapedeck_core::ids::{ProjectId, hex};
use tapedeck_core::origin::OriginPattern;

use crate::settings;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Name of the first environment.
    pub environment: String,
    /// AWS account.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// Host name of the edge, if it has one of its own.
    pub edge_host: Option<String>,
    /// Who is told of alarms.
    pub alarm_email: Option<String>,
    /// Name of the first project.
    pub project: String,
    /// Pages that record into it.
    pub origins: Vec<String>,
}

/// One question: what it is, and whether an answer will do; if not, what was found and expected.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// For people.
    pub text: &'static str,
    /// The answer to take by pressing Enter.
    pub usual: Option<&'static str>,
    /// Whether an answer will do.
    pub check: fn(&str) -> Result<(), String>,
}

/// AWS account.
pub const ACCOUNT: Question =
    Question { text: "AWS account, 12 digits", usual: None, check: settings::check_account };
/// AWS region.
pub const REGION: Question =
    Question { text: "AWS region", usual: Some("eu-central-1"), check: settings::check_region };
/// Name of the project.
pub const PROJECT: Question = Question {
    text: "Name of the project",
    usual: Some("web"),
    check: |text| text.parse::<ProjectId>().map(drop).map_err(|error| error.to_string()),
};
/// Pages that record.
pub const ORIGINS: Question = Question {
    text: "Pages that record, as https://host, several with commas",
    usual: None,
    check: |text| {
        split(text).into_iter().try_for_each(|origin| {
            OriginPattern::try_from(origin).map(drop).map_err(|error| error.to_string())
        })
    },
};
/// Host name of the edge.
pub const EDGE_HOST: Question = Question {
    text: "Host name of the edge, in a zone at Cloudflare (empty: workers.dev)",
    usual: Some(""),
    check: |text| if text.is_empty() { Ok(()) } else { settings::check_host(text) },
};
/// Who is told of alarms.
pub const ALARM_EMAIL: Question = Question {
    text: "E-mail address for alarms (empty: nobody)",
    usual: Some(""),
    check: |text| if text.is_empty() { Ok(()) } else { settings::check_email(text) },
};

/// The parts of an answer with commas.
#[must_use]
pub fn split(text: &str) -> Vec<String> {
    text.split(',').map(|part| part.trim().to_owned()).collect()
}

/// A new file, and the token of its first viewer, which stands nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `tapedeck.toml`
    pub text: String,
    /// To be shown once.
    pub token: String,
    /// What pages record with. Not secret.
    pub project_key: String,
}

/// The file for `answers`, with a key and a token from `random`, which gives that many base62 characters.
pub fn write<E>(answers: &Answers, mut random: impl FnMut(usize) -> Result<String, E>) -> Result<Written, E> {
    let project_key = format!("pk_{}", random(22)?);
    let token = format!("vt_{}", random(32)?);
    let digest = hex(&Sha256::digest(token.as_bytes()));
    let quoted = |text: &str| format!("{text:?}");
    let mut text = String::new();
    let mut line = |written: String| {
        text.push_str(&written);
        text.push('\n');
    };
    line("#:schema ./infra/tapedeck.schema.json".to_owned());
    line("# Every field there is: infra/tapedeck.reference.toml.".to_owned());
    line("version = 1\n".to_owned());
    line(format!("[environments.{}]", answers.environment));
    line(format!("account = {}", quoted(&answers.account)));
    line(format!("region = {}", quoted(&answers.region)));
    if let Some(host) = &answers.edge_host {
        line(format!("edge_host = {}", quoted(host)));
    }
    if let Some(email) = &answers.alarm_email {
        line(format!("alarm_email = {}", quoted(email)));
    }
    line(format!("\n[projects.{}]", answers.project));
    line(format!("keys = [{}]", quoted(&project_key)));
    let mut origins = String::new();
    for (i, origin) in answers.origins.iter().enumerate() {
        let separator = if i == 0 { "" } else { ", " };
        // Writing into a string cannot fail.
        let _ = write!(origins, "{separator}{}", quoted(origin));
    }
    line(format!("origins = [{origins}]"));
    line(
        "# One session of ten, and every one with an error, of a support case, of a named segment."
            .to_owned(),
    );
    line(
        "sampling = [{ from_ms = 0, all = 0.1, error = 1.0, support = 1.0, segment = 1.0, manual = 1.0 }]"
            .to_owned(),
    );
    line("retention = { errors = \"90d\" }".to_owned());
    line(format!(
        "viewers = [{{ name = \"first viewer\", sha256 = {}, role = \"admin\" }}]",
        quoted(&digest)
    ));
    Ok(Written { text, token, project_key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn an_answer_that_will_not_do_is_refused_at_once() {
        let check = |question: Question, right: &str, wrong: &str, expected: &str| {
            assert_eq!((question.check)(right), Ok(()), "{right}");
            let error = (question.check)(wrong).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(ACCOUNT, "123456789012", "abc", "\"abc\", expected 12 digits");
        check(REGION, "us-gov-east-1", "eu-central", "expected a region of AWS");
        check(PROJECT, "shop", "Shop Name", "2 to 32 of a-z");
        check(ORIGINS, "https://a.example, https://*.b.example", "a.example/path", "is not scheme://host");
        check(EDGE_HOST, "", "https://replay.example", "expected a host name");
        check(EDGE_HOST, "replay.example", "replay", "expected a host name");
        check(ALARM_EMAIL, "ops@example.com", "ops", "expected an e-mail address");
        let questions = [ACCOUNT, REGION, PROJECT, ORIGINS, EDGE_HOST, ALARM_EMAIL];
        for question in questions {
            assert!(question.usual.is_none_or(|usual| (question.check)(usual).is_ok()), "{}", question.text);
        }
        // As docs/guide/deploy.md says.
        let must_be_answered = questions.iter().filter(|question| question.usual.is_none()).count();
        assert_eq!((questions.len(), must_be_answered), (6, 2));
    }

    #[test]
    fn what_is_written_is_accepted_and_holds_no_token() {
        let answers = Answers {
            environment: "production".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            edge_host: Some("replay.example.com".to_owned()),
            alarm_email: None,
            project: "shop".to_owned(),
            origins: vec!["https://shop.example".to_owned(), "https://*.shop.example".to_owned()],
        };
        let random =
            |count: usize| Ok::<_, std::convert::Infallible>("0aZ".repeat(count)[..count].to_owned());
        let Ok(written) = write(&answers, random);
        let settings = Settings::parse("tapedeck.toml", &written.text).unwrap();
        assert_eq!(settings.environments["production"].edge_host.as_deref(), Some("replay.example.com"));
        assert!(!written.text.contains(&written.token));
        let objects = settings.objects("production", |_| None).unwrap();
        assert_eq!(objects.len(), 2);
    }
}
