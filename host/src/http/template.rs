//! The templates of the routes: what a request is called by in logs, metrics and traces, where what a caller made up has no place.

/// All there are; those that are asked for most come first.
pub(super) const TEMPLATES: [&str; 41] = [
    "/v1/call/{module}/{function}",
    "/v1/submit/{module}/{function}",
    "/v1/jobs/{id}",
    "/v1/jobs",
    "/v1/jobs/{id}/output",
    "/v1/jobs/{id}/input",
    "/v1/jobs/{id}/logs",
    "/v1/jobs/{id}/events",
    "/v1/jobs/{id}/cancel",
    "/v1/jobs/{id}/retry",
    "/v1/submit/{module}/{function}/bulk",
    "/v1/attempts",
    "/v1/modules",
    "/v1/modules/{module}",
    "/v1/aliases/{name}",
    "/v1/schedules",
    "/v1/schedules/{name}",
    "/v1/schedules/{name}/input",
    "/v1/schedules/{name}/pause",
    "/v1/schedules/{name}/resume",
    "/v1/schedules/{name}/run",
    "/v1/queues",
    "/v1/queues/{queue}",
    "/v1/queues/{queue}/pause",
    "/v1/queues/{queue}/resume",
    "/v1/functions",
    "/v1/functions/{module}/{function}",
    "/v1/workers",
    "/v1/workers/{worker}/drain",
    "/v1/tokens",
    "/v1/tokens/{token}",
    "/v1/webhook-secret",
    "/v1/webhook-secret/rotate",
    "/v1/stats",
    "/v1/usage",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/",
    "/assets/{file}",
];

/// The template that a path fits, if there is a route for it.
pub(super) fn of(path: &str) -> Option<&'static str> {
    TEMPLATES.into_iter().find(|template| fits(template, path))
}

fn fits(template: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let fit = template.split('/').all(|known| {
        parts.next().is_some_and(|part| if known.starts_with('{') { !part.is_empty() } else { part == known })
    });
    fit && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_called_by_its_template_and_any_other_by_none() {
        assert_eq!(of("/v1/call/a/b"), Some("/v1/call/{module}/{function}"));
        assert_eq!(of("/v1/submit/a/b/bulk"), Some("/v1/submit/{module}/{function}/bulk"));
        assert_eq!(of("/v1/jobs"), Some("/v1/jobs"));
        assert_eq!(of("/"), Some("/"));
        for path in ["/v1/jobs/", "/v1/call/a", "/v1/call//b", "/v1/call/a/b/", "", "//", "/v1/secret"] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
