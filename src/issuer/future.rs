//! The response future: authenticate the client, then read the body and run the grant, or log out.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Buf;
use http::HeaderMap;
use http::Request;
use http::Response;
use http::request::Parts;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tokio::time::sleep;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::customer::BoxFuture;
use crate::customer::StoreError;
use crate::issuer::ClientDecision;
use crate::issuer::IssuerBody;
use crate::issuer::client::Caller;
use crate::issuer::config::Config;
use crate::issuer::endpoint::Endpoint;
use crate::issuer::endpoint::Logout;
use crate::issuer::login::request;
use crate::issuer::login::request::Login;
use crate::issuer::login::request::MAX_BODY_LEN;
use crate::issuer::response;
use crate::issuer::response::Refusal;
use crate::telemetry;
use crate::telemetry::TokenOutcome;

pin_project! {
    /// Response future of [`TokenIssuer`](crate::TokenIssuer).
    ///
    /// Dropping it cancels the request: a password that is still queued is not hashed.
    pub struct IssuerFuture<B> {
        config: Arc<Config>,
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<B> {
        Authenticating {
            authentication: Boxed<Result<Caller, Refusal>>,
            request: Option<Request<B>>,
        },
        Reading { head: Option<Parts>, #[pin] body: B, reading: Reading },
        Running { response: Boxed<Response<IssuerBody>> },
        Answered { response: Option<Response<IssuerBody>> },
    }
}

/// A boxed future of the store or the authenticator.
///
/// It makes `IssuerFuture` generic over the body only. Two boxes per login are cheap compared to
/// its hash. The body itself is not boxed, so it needs to be neither `Send` nor `'static`.
///
/// The mutex is never locked, only accessed by `get_mut`. It makes a future `Sync` that is only
/// `Send`, so that `IssuerFuture` is `Sync` without requiring it of every store.
struct Boxed<T>(Mutex<BoxFuture<'static, T>>);

impl<T> Boxed<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Mutex::new(Box::pin(future)))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

/// A body that is being read, with its deadline.
struct Reading {
    // Zeroized on drop, so it must not reallocate while it grows: see `new`.
    bytes: Zeroizing<Vec<u8>>,
    deadline: Pin<Box<Sleep>>,
}

impl<B: Body> IssuerFuture<B> {
    pub(super) fn authenticating(
        config: Arc<Config>,
        authentication: BoxFuture<'static, Result<ClientDecision, StoreError>>,
        request: Request<B>,
    ) -> Self {
        let limit = config.logins.store_timeout;
        let authentication = Boxed::new(async move {
            match timeout(limit, authentication).await {
                Ok(Ok(ClientDecision::Accepted)) => Ok(Caller::Client),
                Ok(Ok(ClientDecision::AcceptedAsStore)) => Ok(Caller::Store),
                Ok(Ok(ClientDecision::Refused)) => Err(Refusal::Client),
                Ok(Err(error)) => {
                    telemetry::fault("the client authenticator failed", &error);
                    Err(Refusal::Fault)
                }
                Err(elapsed) => {
                    telemetry::fault("the client authenticator timed out", &elapsed);
                    Err(Refusal::Fault)
                }
            }
        });
        let state = State::Authenticating { authentication, request: Some(request) };
        Self { config, state }
    }

    pub(super) fn answered(config: Arc<Config>, response: Response<IssuerBody>) -> Self {
        Self { config, state: State::Answered { response: Some(response) } }
    }
}

impl<B: Body> Future for IssuerFuture<B> {
    type Output = Result<Response<IssuerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Authenticating { authentication, request } => {
                    let authentication = ready!(authentication.poll(cx));
                    let request = request.take().expect("IssuerFuture polled after completion");
                    dispatch(this.config, authentication, request)
                }
                StateProj::Reading { head, body, reading } => {
                    let read = ready!(reading.poll(body, cx));
                    let head = head.take().expect("IssuerFuture polled after completion");
                    read.and_then(|()| grant(this.config, head, &reading.bytes))
                }
                StateProj::Running { response } => {
                    Ok(State::Answered { response: Some(ready!(response.poll(cx))) })
                }
                StateProj::Answered { response } => {
                    let response = response.take().expect("IssuerFuture polled after completion");
                    return Poll::Ready(Ok(response));
                }
            };
            this.state.set(
                next.unwrap_or_else(|refusal| State::Answered { response: Some(refusal.answer()) }),
            );
        }
    }
}

impl<B> fmt::Debug for IssuerFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerFuture").finish_non_exhaustive()
    }
}

/// Starts the operation of a request whose client has been authenticated.
fn dispatch<B: Body>(
    config: &Arc<Config>,
    authentication: Result<Caller, Refusal>,
    request: Request<B>,
) -> Result<State<B>, Refusal> {
    let (head, body) = request.into_parts();
    let has_sessions = config.logins.sessions.is_some();
    let endpoint = Endpoint::of(&head.method, head.uri.path(), has_sessions);
    match (authentication, endpoint) {
        (Err(refusal), Ok(Endpoint::Logout(_))) => Err(refusal.of_logout()),
        (Err(refusal), _) | (Ok(_), Err(refusal)) => Err(refusal),
        (Ok(_), Ok(Endpoint::IssueToken)) => read(config, head, body),
        // The body is not read.
        (Ok(caller), Ok(Endpoint::Logout(logout))) => Ok(log_out(config, logout, caller, head)),
    }
}

fn read<B: Body>(config: &Config, head: Parts, body: B) -> Result<State<B>, Refusal> {
    let reading = Reading::new(config.body_timeout, &head.headers, &body)?;
    if !request::is_json(&head.headers) {
        return Err(Refusal::MediaType);
    }
    Ok(State::Reading { head: Some(head), body, reading })
}

fn grant<B>(config: &Arc<Config>, head: Parts, body: &[u8]) -> Result<State<B>, Refusal> {
    let login = request::login(body, config.logins.mechanisms())?;
    let outcome = match login {
        Login::Refresh => TokenOutcome::Refreshed,
        _ => TokenOutcome::Issued,
    };
    let config = Arc::clone(config);
    let response = Boxed::new(async move {
        match config.logins.log_in(login, &head).await {
            Ok(token) => response::issued(&token, outcome),
            Err(refusal) => refusal.answer(),
        }
    });
    Ok(State::Running { response })
}

fn log_out<B>(config: &Arc<Config>, logout: Logout, caller: Caller, head: Parts) -> State<B> {
    let config = Arc::clone(config);
    let response = Boxed::new(async move {
        match config.logins.log_out(logout, caller, &head).await {
            Ok(outcome) => response::ended(outcome),
            Err(refusal) => refusal.of_logout().answer(),
        }
    });
    State::Running { response }
}

impl Reading {
    fn new(timeout: Duration, headers: &HeaderMap, body: &impl Body) -> Result<Self, Refusal> {
        let hint = body.size_hint();
        if request::declares_too_much(headers) || hint.lower() > MAX_BODY_LEN as u64 {
            return Err(Refusal::TooLarge);
        }
        // The full capacity at once: reallocation would leave copies of a password in memory.
        let room = hint.exact().and_then(|len| usize::try_from(len).ok()).unwrap_or(MAX_BODY_LEN);
        Ok(Self {
            bytes: Zeroizing::new(Vec::with_capacity(room)),
            deadline: Box::pin(sleep(timeout)),
        })
    }

    fn poll<B: Body>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let mut frames = 0;
        while let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            let Some(frame) = frame else {
                return Poll::Ready(Ok(()));
            };
            let frame = frame.map_err(|_| Refusal::Broken)?;
            // Trailers are ignored.
            if let Ok(data) = frame.into_data() {
                self.append(data)?;
            }
            frames += 1;
            if frames == FRAMES_A_POLL {
                // An endless body may consist of empty frames that are always ready. Yield, so that
                // the deadline and other tasks are polled.
                cx.waker().wake_by_ref();
                break;
            }
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(Refusal::Slow))
    }

    fn append(&mut self, mut data: impl Buf) -> Result<(), Refusal> {
        if data.remaining() > MAX_BODY_LEN - self.bytes.len() {
            return Err(Refusal::TooLarge);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            self.bytes.extend_from_slice(chunk);
            let len = chunk.len();
            data.advance(len);
        }
        Ok(())
    }
}

const FRAMES_A_POLL: usize = 64;
