//! Which call a request is.

/// A call of the edge, with the parts of its path as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `GET /health`
    Health,
    /// `OPTIONS` of anything: a browser asks before it sends.
    Preflight,
    /// `POST /v1/batches`
    Batches,
    /// `GET /v1/config`
    RecorderConfig,
    /// `GET /v1/projects/{project}/sessions/{session}`
    Session {
        /// Not yet parsed.
        project: &'a str,
        /// Not yet parsed.
        session: &'a str,
    },
    /// `POST /v1/projects/{project}/sessions/{session}/urls`
    SessionUrls {
        /// Not yet parsed.
        project: &'a str,
        /// Not yet parsed.
        session: &'a str,
    },
    /// A known path with another method.
    WrongMethod {
        /// The methods that it has, as `Allow` lists them.
        allow: &'static str,
    },
    /// Another path.
    Unknown,
}

impl<'a> Route<'a> {
    /// The call of this method and path.
    pub(crate) fn parse(method: &str, path: &'a str) -> Self {
        if method == "OPTIONS" {
            return Self::Preflight;
        }
        let parts: Vec<&str> = path.split('/').collect();
        let (expected, route) = match parts[..] {
            ["", "health"] => ("GET", Self::Health),
            ["", "v1", "batches"] => ("POST", Self::Batches),
            ["", "v1", "config"] => ("GET", Self::RecorderConfig),
            ["", "v1", "projects", project, "sessions", session] => {
                ("GET", Self::Session { project, session })
            }
            ["", "v1", "projects", project, "sessions", session, "urls"] => {
                ("POST", Self::SessionUrls { project, session })
            }
            _ => return Self::Unknown,
        };
        match (method == expected, expected) {
            (true, _) => route,
            (false, "GET") => Self::WrongMethod { allow: "GET, OPTIONS" },
            (false, _) => Self::WrongMethod { allow: "POST, OPTIONS" },
        }
    }

    /// As it is written in logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Preflight => "preflight",
            Self::Batches => "batches",
            Self::RecorderConfig => "config",
            Self::Session { .. } => "session",
            Self::SessionUrls { .. } => "session_urls",
            Self::WrongMethod { .. } | Self::Unknown => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, path: &str, expected: Route<'_>) {
        assert_eq!(Route::parse(method, path), expected, "{method} {path}");
    }

    #[test]
    fn calls() {
        check("GET", "/health", Route::Health);
        check("POST", "/v1/batches", Route::Batches);
        check("GET", "/v1/config", Route::RecorderConfig);
        check("GET", "/v1/projects/a/sessions/b", Route::Session { project: "a", session: "b" });
        check("POST", "/v1/projects/a/sessions/b/urls", Route::SessionUrls { project: "a", session: "b" });
    }

    #[test]
    fn any_path_may_be_asked_about() {
        check("OPTIONS", "/v1/batches", Route::Preflight);
        check("OPTIONS", "/nowhere", Route::Preflight);
    }

    #[test]
    fn wrong_methods_are_told_the_right_one() {
        check("GET", "/v1/batches", Route::WrongMethod { allow: "POST, OPTIONS" });
        check("DELETE", "/v1/projects/a/sessions/b", Route::WrongMethod { allow: "GET, OPTIONS" });
        check("HEAD", "/health", Route::WrongMethod { allow: "GET, OPTIONS" });
    }

    #[test]
    fn other_paths() {
        for path in [
            "/",
            "",
            "/v1",
            "/v1/batches/",
            "//v1/batches",
            "/v2/batches",
            "/v1/projects/a/sessions/b/urls/c",
        ] {
            check("POST", path, Route::Unknown);
        }
    }
}
