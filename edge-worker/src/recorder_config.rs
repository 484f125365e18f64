//! `GET /v1/config`: `spec/config.md`.

use std::rc::Rc;

use tapedeck_core::config::ProjectConfig;
use worker::Request;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::log::Line;
use crate::projects;
use crate::settings::Settings;

/// Tells a recorder how to record.
pub(crate) async fn answer(
    request: &Request,
    settings: &Settings,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let Some(project) = project_of(request, settings).await? else {
        return Ok(unknown_key());
    };
    line.project = Some(project.project.clone());
    let body = serde_json::to_string(&project.for_recorder())?;
    Ok(Answer::ok(body).with_header("cache-control", "public, max-age=60"))
}

/// The project whose key is in the query; `None` if the key is none, or nobody's.
pub(crate) async fn project_of(
    request: &Request,
    settings: &Settings,
) -> Result<Option<Rc<ProjectConfig>>, Failure> {
    let key = query(request, "key").and_then(|key| key.parse().ok());
    let Some(key) = key else {
        return Ok(None);
    };
    Ok(projects::by_key(&settings.store(None)?, &key).await?)
}

/// 401 of a project key.
pub(crate) fn unknown_key() -> Answer {
    Answer::error(401, "unknown_key", "the query's key is not a project key that this edge knows")
}

/// The first value of that name in the query.
pub(crate) fn query(request: &Request, name: &str) -> Option<String> {
    let url = request.url().ok()?;
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}
