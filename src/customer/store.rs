//! The customer store of password logins.

use std::future::Future;
use std::sync::Arc;

use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::id::CustomerId;
use crate::password::PasswordHash;

/// Customer store for password logins.
///
/// # Contract
///
/// 1. `Ok(None)` means that there is no such customer; `Err` means that the store failed. The login
///    is then answered with 503 and `Retry-After`, never as a wrong password.
/// 2. Only customers *with* a password are found, and at most one for an e-mail. Several customers
///    without a password may share an e-mail with each other and with that one.
/// 3. E-mail addresses are compared by [`email_key`](crate::customer::email_key) and stored as
///    given.
/// 4. Futures may be dropped at any await point, because clients disconnect. A lookup is therefore
///    a single statement; work that needs a transaction runs in its own task.
/// 5. A lookup takes the same time whether it finds a customer or not, as an index lookup does. The
///    store does not hash passwords.
///
/// The issuer gives each call 5 s by default and answers 503 after that. A panic in a store is not
/// caught: it ends the task of the connection, as a panic in any other service does.
///
/// # Example
///
/// A complete store over a file with one customer per line:
///
/// ```
/// use std::path::PathBuf;
/// use std::sync::Mutex;
///
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::CustomerId;
/// use tower_customer_auth::CustomerStore;
/// use tower_customer_auth::password::PasswordHash;
/// use tower_customer_auth::customer::StoreError;
/// use tower_customer_auth::customer::StoredCustomer;
/// use tower_customer_auth::customer::email_key;
///
/// /// Lines of `id`, `name`, `e-mail` and PHC string, with tabs between them.
/// struct LineFile {
///     path: PathBuf,
///     // One writer at a time, so that reading, changing and writing is one step.
///     writer: Mutex<()>,
/// }
///
/// impl LineFile {
///     fn lines(&self) -> Result<Vec<[String; 4]>, StoreError> {
///         let text = std::fs::read_to_string(&self.path).map_err(StoreError::new)?;
///         text.lines()
///             .map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into())
///             .collect::<Result<_, _>>()
///             .map_err(|_| StoreError::new("a line has other than four columns"))
///     }
/// }
///
/// impl CustomerStore for LineFile {
///     async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
///         let key = email_key(email);
///         let mut lines = self.lines()?.into_iter();
///         let Some([id, name, email, phc]) = lines.find(|line| email_key(&line[2]) == key) else {
///             return Ok(None);
///         };
///         let id = id.parse().map_err(StoreError::new)?;
///         Ok(Some(StoredCustomer::from_phc(Customer::new(id, name, email), phc)))
///     }
///
///     async fn replace_password_hash(
///         &self,
///         id: &CustomerId,
///         old: &PasswordHash,
///         new: &PasswordHash,
///     ) -> Result<bool, StoreError> {
///         let _writer = self.writer.lock().map_err(|_| StoreError::new("poisoned"))?;
///         let mut lines = self.lines()?;
///         let is_old = |line: &&mut [String; 4]| *id == *line[0] && line[3] == old.expose();
///         let Some(line) = lines.iter_mut().find(is_old)
///         else {
///             return Ok(false);
///         };
///         line[3] = new.expose().to_owned();
///         let text: String = lines.iter().map(|line| line.join("\t") + "\n").collect();
///         std::fs::write(&self.path, text).map_err(StoreError::new)?;
///         Ok(true)
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use tower_customer_auth::password::PasswordParams;
/// # use tower_customer_auth::Secret;
/// # let path = std::env::temp_dir().join(format!("line-file-{}", std::process::id()));
/// # let params = PasswordParams::default();
/// # let old = PasswordHash::compute(&Secret::from("mysecretpassword"), params)?;
/// # let new = PasswordHash::compute(&Secret::from("mysecretpassword"), params)?;
/// # let id: CustomerId = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
/// # std::fs::write(&path, format!("{id}\tRon Swanson\tRon@Swanson.com\t{}\n", old.expose()))?;
/// # let store = LineFile { path: path.clone(), writer: Mutex::new(()) };
/// # let ron = store.find_by_email("ron@swanson.com").await?.expect("he is in the file");
/// # assert_eq!(ron.customer().email(), "Ron@Swanson.com");
/// # assert_eq!(ron.password_hash()?.expose(), old.expose());
/// # assert!(store.find_by_email("leslie@pawnee.gov").await?.is_none());
/// # assert!(!store.replace_password_hash(&id, &new, &old).await?);
/// # assert!(store.replace_password_hash(&id, &old, &new).await?);
/// # std::fs::remove_file(&path)?;
/// # let gone = store.find_by_email("ron@swanson.com").await.expect_err("the file is gone");
/// # assert_eq!(gone.to_string(), "the store is unavailable");
/// # Ok(())
/// # }
/// ```
pub trait CustomerStore: Send + Sync + 'static {
    /// Finds the customer who logs in with this e-mail and a password, enabled or disabled.
    ///
    /// A login refuses a disabled customer as it refuses a wrong password, after the same work.
    ///
    /// `email` is the address as the client sent it: 1 to 254 bytes of any characters.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn find_by_email(
        &self,
        email: &str,
    ) -> impl Future<Output = Result<Option<StoredCustomer>, StoreError>> + Send;

    /// Replaces a password hash if it still is `old`, and returns whether it did.
    ///
    /// `new` is a hash of the same password. The comparison and the replacement are one step: the
    /// password may have changed since `old` was read, and the changed password must be kept.
    ///
    /// # Errors
    ///
    /// The store failed. The login that caused the replacement has succeeded regardless.
    fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

impl<S: CustomerStore> CustomerStore for Arc<S> {
    fn find_by_email(
        &self,
        email: &str,
    ) -> impl Future<Output = Result<Option<StoredCustomer>, StoreError>> + Send {
        (**self).find_by_email(email)
    }

    fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        (**self).replace_password_hash(id, old, new)
    }
}
