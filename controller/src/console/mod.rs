//! The console: the pages of `web/`, carried by the binary and served at the API's port.
//! Holds no rule and asks nothing: whoever opens it gets the same files, and everything he then sees comes from the API.
//!
//! The files are those that `npm run build` left in `web/dist` when the binary was built (`controller/build.rs`), already
//! compressed; `encoding` chooses the form that a browser takes. Without them, the first page says how to add them.

mod encoding;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use encoding::Encoding;

/// A file of the console.
#[derive(Debug)]
struct File {
    /// Where it is served.
    path: &'static str,
    /// As it is.
    plain: &'static [u8],
    /// Compressed, where that was worth it.
    brotli: Option<&'static [u8]>,
    /// Compressed for older clients.
    gzip: Option<&'static [u8]>,
}

/// What the binary carries; empty when the console was not built before it.
static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// The page that every view of the console begins with.
const PAGE: &str = "/index.html";
/// Addresses of views, as `web/src/shell/router.tsx` has them: all of them are the one page.
const VIEWS: [&str; 5] = ["/", "/login", "/account", "/partners", "/p/{*view}"];
/// Below this, a file's name changes with its content.
const HASHED: &str = "/assets/";
/// What a browser may do for the console: everything comes from here and goes here, and nobody may frame it. Pictures may be
/// made by the page itself (the code of a second factor).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// Said when the binary carries no console.
const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Headend</title>\
    <h1>Headend</h1><p>This server was built without the console. To add it, with Node 18 or newer: \
    <code>(cd web &amp;&amp; npm ci &amp;&amp; npm run build) &amp;&amp; cargo build --release -p headend</code>. \
    The API is at <code>/api/v1</code>, its description at <a href=\"/api/public/v1/openapi.json\">/api/public/v1/openapi.json</a>, \
    and <code>headend --help</code> does everything that the console does.</p></html>";

/// The console's routes; `https` when browsers come by it, and shall never come otherwise again.
pub fn routes(https: bool) -> Router {
    let page = FILES.iter().find(|file| file.path == PAGE);
    let views = VIEWS.into_iter().fold(Router::new(), |router, view| {
        router.route(
            view,
            get(async move |headers: HeaderMap| match page {
                Some(page) => answer(page, &headers, https),
                None => absent(https),
            }),
        )
    });
    let others = FILES.iter().filter(|file| file.path != PAGE);
    others.fold(views, |router, file| {
        router.route(
            file.path,
            get(async move |headers: HeaderMap| answer(file, &headers, https)),
        )
    })
}

/// A file in the form that the client takes.
fn answer(file: &File, asked: &HeaderMap, https: bool) -> Response {
    let (encoding, octets) = match Encoding::choose(asked) {
        Encoding::Brotli if file.brotli.is_some() => (Some("br"), file.brotli),
        Encoding::Brotli | Encoding::Gzip if file.gzip.is_some() => (Some("gzip"), file.gzip),
        _ => (None, None),
    };
    let mut response = octets.unwrap_or(file.plain).into_response();
    let headers = response.headers_mut();
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(file.path)),
    );
    let cache = if file.path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    guarded(response, https)
}

/// How to get a console.
fn absent(https: bool) -> Response {
    let mut response = ABSENT.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guarded(response, https)
}

/// With what every page of ours says to browsers.
fn guarded(mut response: Response, https: bool) -> Response {
    let said: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    let headers = response.headers_mut();
    for (name, value) in said {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// By the end of the name; the build of the console makes no others.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: File = File {
        path: "/assets/index-abc.js",
        plain: b"plain",
        brotli: Some(b"b"),
        gzip: Some(b"g"),
    };

    fn asked(encodings: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings))])
    }

    fn said(response: &Response, name: HeaderName) -> Option<&str> {
        response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn a_hashed_file_is_kept_for_ever_and_sent_compressed() {
        let response = answer(&SCRIPT, &asked("gzip, br"), false);
        assert_eq!(said(&response, header::CONTENT_ENCODING), Some("br"));
        assert_eq!(
            said(&response, header::CACHE_CONTROL),
            Some("public, max-age=31536000, immutable")
        );
        assert_eq!(
            said(&response, header::CONTENT_TYPE),
            Some("text/javascript; charset=utf-8")
        );
    }

    #[test]
    fn the_page_is_asked_for_again_and_says_what_a_browser_may_do() {
        let page = File { path: PAGE, ..SCRIPT };
        let response = answer(&page, &HeaderMap::new(), true);
        assert_eq!(said(&response, header::CACHE_CONTROL), Some("no-cache"));
        assert_eq!(said(&response, header::CONTENT_ENCODING), None);
        let policy = said(&response, header::CONTENT_SECURITY_POLICY).unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(
            said(&response, header::STRICT_TRANSPORT_SECURITY),
            Some("max-age=31536000")
        );
    }

    #[test]
    fn a_file_without_a_compressed_form_is_sent_as_it_is() {
        let font = File {
            path: "/assets/inter.woff2",
            brotli: None,
            gzip: None,
            ..SCRIPT
        };
        let response = answer(&font, &asked("br"), false);
        assert_eq!(said(&response, header::CONTENT_ENCODING), None);
        assert_eq!(said(&response, header::CONTENT_TYPE), Some("font/woff2"));
    }

    #[test]
    fn routes_of_views_and_files_do_not_collide() {
        drop(routes(false));
    }
}
