//! PostgreSQL servers that a test may stop, kill and break.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// A server with its files in a folder. Both go with it.
pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Creates and starts a server.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let mut server = Self::create(settings);
        server.restart().await;
        server
    }

    /// Creates a server without starting it.
    pub(crate) fn create(settings: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-customer-auth-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        // The user of the server makes its own folder in it.
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&folder, permissions).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let server = Self { folder, port, settings, child: None };
        let data = server.data();
        let initdb = ["initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "-D"];
        run(as_user(&initdb).arg(data));
        server
    }

    /// Starts it, again, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        // Backends of a killed server are gone only when they have noticed.
        for _ in 0..100 {
            if self.try_start().await {
                return;
            }
        }
        panic!("the server does not start");
    }

    async fn try_start(&mut self) -> bool {
        let mut command = as_user(&["postgres", "-h", "127.0.0.1", "-D"]);
        command.arg(self.data()).arg("-k").arg(&self.folder).args(["-p", &self.port.to_string()]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let child = self.child.insert(command.spawn().unwrap());
        let options: PgConnectOptions =
            format!("postgres://postgres@127.0.0.1:{}/postgres", self.port).parse().unwrap();
        while options.connect().await.is_err() {
            if child.try_wait().unwrap().is_some() {
                self.child = None;
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Kills it, as a loss of power does with all its processes.
    pub(crate) fn kill(&mut self) {
        self.signal_all("KILL");
        self.child.take().unwrap().wait().unwrap();
    }

    /// Shuts it down.
    pub(crate) fn shut_down(&mut self) {
        let mut child = self.child.take().unwrap();
        signal("INT", child.id());
        child.wait().unwrap();
    }

    /// Stops all its processes, so that it accepts connections and never answers.
    pub(crate) fn pause(&self) {
        self.signal_all("STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal_all("CONT");
    }

    /// Copies its files while it is shut down.
    pub(crate) fn copy_to(&self, name: &str) {
        run(as_user(&["cp", "-a"]).arg(self.data()).arg(self.folder.join(name)));
    }

    /// Puts a copy of its files in their place.
    pub(crate) fn restore(&self, name: &str) {
        run(as_user(&["rm", "-rf"]).arg(self.data()));
        run(as_user(&["mv"]).arg(self.folder.join(name)).arg(self.data()));
    }

    /// Writes an empty file among its files.
    pub(crate) fn touch(&self, name: &str) {
        run(as_user(&["touch"]).arg(self.data().join(name)));
    }

    fn signal_all(&self, name: &str) {
        let server = self.child.as_ref().unwrap().id();
        let children = format!("/proc/{server}/task/{server}/children");
        let children = fs::read_to_string(children).unwrap_or_default();
        // The server first: it must not replace its children.
        signal(name, server);
        for child in children.split_whitespace() {
            signal(name, child.parse().unwrap());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            for name in ["CONT", "QUIT"] {
                signal(name, child.id());
            }
            drop(child.wait());
        }
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    run(as_user(&["rm", "-rf"]).arg(folder.join("data")));
    drop(fs::remove_dir_all(folder));
}

fn signal(name: &str, process: u32) {
    let mut kill = Command::new("kill");
    drop(kill.args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status());
}

/// Returns a command, as a user that a server may run as: root may not.
fn as_user(command: &[&str]) -> Command {
    let run = std::env::var("TEST_POSTGRES_AS").unwrap_or_default();
    let mut words = run.split_whitespace().chain(command.iter().copied());
    let mut command = Command::new(words.next().unwrap());
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}
