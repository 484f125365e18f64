//! What a user agent tells of browser, system and device.

use woothee::parser::Parser;

/// What a browser is, in words that people search for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserAgent {
    /// `Chrome`, `Firefox`, `Safari`, `Edge`, …; `None` where unknown.
    pub browser: Option<String>,
    /// Its version, whole.
    pub browser_version: Option<String>,
    /// `Windows`, `macOS`, `iOS`, `Android`, `Linux`, …; `None` where unknown.
    pub os: Option<String>,
    /// What it runs on.
    pub device: Device,
}

/// What a browser runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Device {
    /// A computer with a desk.
    Desktop,
    /// A telephone.
    Mobile,
    /// A tablet that says so; iPads since 2019 say that they are computers.
    Tablet,
    /// No person's.
    Bot,
    /// A television, a console, or unknown.
    #[default]
    Other,
}

impl Device {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Bot => "bot",
            Self::Other => "other",
        }
    }
}

/// What `user_agent` tells.
#[must_use]
pub fn parse_user_agent(user_agent: &str) -> UserAgent {
    let Some(found) = Parser::new().parse(user_agent) else {
        return UserAgent::default();
    };
    let known = |text: &str| (!text.is_empty() && text != "UNKNOWN").then(|| text.to_owned());
    // Android's browsers say Mobile on telephones and leave it out on tablets:
    // <https://developer.chrome.com/docs/multidevice/user-agent/>
    let is_tablet = user_agent.contains("iPad")
        || (user_agent.contains("Android") && !user_agent.contains("Mobile"))
        || (user_agent.contains("Tablet;") && user_agent.contains("Firefox/"));
    let device = match found.category {
        "crawler" => Device::Bot,
        _ if user_agent.contains("HeadlessChrome/") => Device::Bot,
        "pc" => Device::Desktop,
        "smartphone" if is_tablet => Device::Tablet,
        "smartphone" | "mobilephone" => Device::Mobile,
        _ => Device::Other,
    };
    let os = known(found.os).map(|os| match os.as_str() {
        "Mac OSX" => "macOS".to_owned(),
        "iPhone" | "iPad" | "iPod" => "iOS".to_owned(),
        windows if windows.starts_with("Windows ") && !windows.contains("Phone") => "Windows".to_owned(),
        _ => os,
    });
    UserAgent { browser: known(found.name), browser_version: known(found.version), os, device }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(user_agent: &str, browser: &str, version: &str, os: &str, device: Device) {
        let found = parse_user_agent(user_agent);
        let texts = [found.browser.as_deref(), found.browser_version.as_deref(), found.os.as_deref()];
        assert_eq!((texts, found.device), ([Some(browser), Some(version), Some(os)], device), "{user_agent}");
    }

    #[test]
    fn browsers_of_people() {
        check(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            "Chrome",
            "140.0.0.0",
            "Windows",
            Device::Desktop,
        );
        check(
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox",
            "140.0",
            "Linux",
            Device::Desktop,
        );
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
            "Safari",
            "18.5",
            "macOS",
            Device::Desktop,
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari",
            "18.5",
            "iOS",
            Device::Mobile,
        );
        check(
            "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
            "Safari",
            "16.6",
            "iOS",
            Device::Tablet,
        );
        check(
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome",
            "140.0.0.0",
            "Android",
            Device::Mobile,
        );
        check(
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            "Chrome",
            "140.0.0.0",
            "Android",
            Device::Tablet,
        );
        check(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge",
            "140.0.0.0",
            "Windows",
            Device::Desktop,
        );
    }

    #[test]
    fn bots_and_strangers() {
        let device = |user_agent: &str| parse_user_agent(user_agent).device;
        assert_eq!(
            device("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
            Device::Bot
        );
        assert_eq!(
            device(
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36"
            ),
            Device::Bot
        );
        assert_eq!(parse_user_agent("Netscape of my own"), UserAgent::default());
        assert_eq!(parse_user_agent(""), UserAgent::default());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,300}") {
            let _ = parse_user_agent(&text);
        }
    }
}
