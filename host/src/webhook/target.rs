//! What a request to a webhook's URL is made of.

use std::fmt;

use super::url::WebhookUrl;

/// A machine and a port: who is slow there is slow for all that goes there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Destination(pub(super) String);

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl WebhookUrl {
    pub(super) fn destination(&self) -> Destination {
        Destination(format!("{}:{}", self.host, self.port))
    }

    /// What the machine is called in a request.
    pub(super) fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { self.host.to_string() } else { self.destination().0 }
    }

    /// What is asked of it.
    pub(super) fn path(&self) -> String {
        let path = &self.text[self.end..];
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> [String; 3] {
        let url: WebhookUrl = text.parse().unwrap();
        assert_eq!(url.as_str(), text);
        [url.destination().0, url.authority(), url.path()]
    }

    #[test]
    fn a_url_is_taken_apart_as_the_standard_says() {
        assert_eq!(parts("https://a.example"), ["a.example:443", "a.example", "/"]);
        assert_eq!(parts("HTTP://A.example:8080/x/?y=%20"), ["a.example:8080", "a.example:8080", "/x/?y=%20"]);
        assert_eq!(parts("http://a?b=/c"), ["a:80", "a", "/?b=/c"]);
        assert_eq!(parts("http://[::1]:9/"), ["[::1]:9", "[::1]:9", "/"]);
        assert_eq!(parts("https://1.2.3.4/a@b"), ["1.2.3.4:443", "1.2.3.4", "/a@b"]);
    }
}
