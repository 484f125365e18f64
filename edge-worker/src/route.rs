//! Which call a request is.

use tapedeck_core::request::Call;

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
    /// A viewer's call: `/v1/projects/{project}/…`
    Viewer {
        /// Not yet parsed.
        project: &'a str,
        /// Which.
        route: ViewerRoute<'a>,
    },
    /// A known path with another method.
    WrongMethod {
        /// The methods that it has, as `Allow` lists them.
        allow: &'static str,
    },
    /// Another path.
    Unknown,
}

/// A viewer's call, with the parts of its path as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViewerRoute<'a> {
    /// Something about one session.
    Session {
        /// Not yet parsed.
        session: &'a str,
        /// What.
        call: Call,
    },
    /// `GET …/index`
    Index,
    /// `POST …/tickets`
    Tickets,
    /// `POST …/erasures`
    EraseUser,
    /// `GET …/erasures/{id}`
    ErasureState {
        /// Not yet parsed.
        id: &'a str,
    },
}

impl<'a> ViewerRoute<'a> {
    /// What is called, as it is allowed and recorded.
    pub(crate) fn call(self) -> Call {
        match self {
            Self::Session { call, .. } => call,
            Self::Index => Call::Index,
            Self::Tickets => Call::Ticket,
            Self::EraseUser => Call::EraseUser,
            Self::ErasureState { .. } => Call::ErasureState,
        }
    }

    /// The session that it is about.
    pub(crate) fn session(self) -> Option<&'a str> {
        match self {
            Self::Session { session, .. } => Some(session),
            _ => None,
        }
    }

    /// The call of this method on the parts of a path behind the project, or the methods that the path has.
    fn parse(method: &str, parts: &[&'a str]) -> Option<Result<Self, &'static str>> {
        const GET: &str = "GET, OPTIONS";
        const POST: &str = "POST, OPTIONS";
        let of = |session, call| Ok(Self::Session { session, call });
        Some(match (parts, method) {
            (["sessions", session], "GET") => of(session, Call::Session),
            (["sessions", session], "DELETE") => of(session, Call::EraseSession),
            (["sessions", _], _) => Err("GET, DELETE, OPTIONS"),
            (["sessions", session, "urls"], "POST") => of(session, Call::Urls),
            (["sessions", session, "shares"], "POST") => of(session, Call::Share),
            (["sessions", session, "pin"], "POST") => of(session, Call::Pin),
            (["sessions", session, "pin"], "DELETE") => of(session, Call::Unpin),
            (["sessions", _, "pin"], _) => Err("POST, DELETE, OPTIONS"),
            (["index"], "GET") => Ok(Self::Index),
            (["tickets"], "POST") => Ok(Self::Tickets),
            (["erasures"], "POST") => Ok(Self::EraseUser),
            (["sessions", _, "urls" | "shares"] | ["tickets" | "erasures"], _) => Err(POST),
            (["erasures", id], "GET") => Ok(Self::ErasureState { id }),
            (["index"] | ["erasures", _], _) => Err(GET),
            _ => return None,
        })
    }
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
            ["", "v1", "projects", project, ref rest @ ..] => {
                return match ViewerRoute::parse(method, rest) {
                    Some(Ok(route)) => Self::Viewer { project, route },
                    Some(Err(allow)) => Self::WrongMethod { allow },
                    None => Self::Unknown,
                };
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
            Self::Viewer { route, .. } => route.call().as_str(),
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
        let viewer = |method, path, route| check(method, path, Route::Viewer { project: "a", route });
        let of = |call| ViewerRoute::Session { session: "b", call };
        viewer("GET", "/v1/projects/a/sessions/b", of(Call::Session));
        viewer("DELETE", "/v1/projects/a/sessions/b", of(Call::EraseSession));
        viewer("POST", "/v1/projects/a/sessions/b/urls", of(Call::Urls));
        viewer("POST", "/v1/projects/a/sessions/b/shares", of(Call::Share));
        viewer("POST", "/v1/projects/a/sessions/b/pin", of(Call::Pin));
        viewer("DELETE", "/v1/projects/a/sessions/b/pin", of(Call::Unpin));
        viewer("GET", "/v1/projects/a/index", ViewerRoute::Index);
        viewer("POST", "/v1/projects/a/tickets", ViewerRoute::Tickets);
        viewer("POST", "/v1/projects/a/erasures", ViewerRoute::EraseUser);
        viewer("GET", "/v1/projects/a/erasures/c", ViewerRoute::ErasureState { id: "c" });
    }

    #[test]
    fn any_path_may_be_asked_about() {
        check("OPTIONS", "/v1/batches", Route::Preflight);
        check("OPTIONS", "/nowhere", Route::Preflight);
    }

    #[test]
    fn wrong_methods_are_told_the_right_one() {
        check("GET", "/v1/batches", Route::WrongMethod { allow: "POST, OPTIONS" });
        check("PUT", "/v1/projects/a/sessions/b", Route::WrongMethod { allow: "GET, DELETE, OPTIONS" });
        check("GET", "/v1/projects/a/sessions/b/pin", Route::WrongMethod { allow: "POST, DELETE, OPTIONS" });
        check("POST", "/v1/projects/a/index", Route::WrongMethod { allow: "GET, OPTIONS" });
        check("GET", "/v1/projects/a/tickets", Route::WrongMethod { allow: "POST, OPTIONS" });
        check("DELETE", "/v1/projects/a/erasures/c", Route::WrongMethod { allow: "GET, OPTIONS" });
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
