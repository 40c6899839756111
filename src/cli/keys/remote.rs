//! Keys of a running server, through its API.

use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::{KeysCommand, ShownKey, print_list, print_made, print_revoked};
use crate::cli::client::{Client, ClientError, Reply};
use crate::cli::exit::{CliError, Code};

/// A server that was named on the command line.
pub(crate) struct Server {
    client: Client,
}

#[derive(Deserialize)]
struct List {
    items: Vec<ShownKey>,
    pagination: Pagination,
}

#[derive(Deserialize)]
struct Pagination {
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    message: String,
}

impl Server {
    /// Names it; connects with the first request.
    pub(crate) fn new(url: &str, api_key: &str) -> Result<Self, CliError> {
        Client::new(url, api_key)
            .map(|client| Self { client })
            .map_err(|error| CliError::new(Code::Usage, error.to_string()))
    }

    async fn ask(&mut self, method: Method, path: &str, body: String) -> Result<Reply, CliError> {
        let reply = self.client.send(method, path, &[], body).await.map_err(unavailable)?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let said = match serde_json::from_slice::<Problem>(&reply.body) {
            Ok(problem) => format!("{} ({})", problem.message, problem.code),
            Err(_) => "the reply is none of a coffer server".to_owned(),
        };
        Err(CliError::new(Code::Failed, format!("the server answered {}: {said}", reply.status)))
    }

    async fn list(&mut self) -> Result<Vec<ShownKey>, CliError> {
        let mut keys = Vec::new();
        let mut path = "/v1/keys?limit=1000".to_owned();
        loop {
            let reply = self.ask(Method::GET, &path, String::new()).await?;
            let page: List = parse(&reply)?;
            keys.extend(page.items);
            match page.pagination.next_cursor {
                Some(cursor) => path = format!("/v1/keys?limit=1000&cursor={cursor}"),
                None => return Ok(keys),
            }
        }
    }
}

/// Runs one command.
pub(crate) async fn run(mut server: Server, command: KeysCommand, json: bool) -> Result<(), CliError> {
    match command {
        KeysCommand::Create { name, scopes, customer } => {
            let body = json!({ "name": name, "scopes": scopes, "customer_id": customer });
            let reply = server.ask(Method::POST, "/v1/keys", body.to_string()).await?;
            print_made(&parse(&reply)?, json)?;
        }
        KeysCommand::List => print_list(&server.list().await?, json),
        KeysCommand::Revoke { id } => {
            if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(CliError::new(Code::Usage, format!("{id:?} is no key id")));
            }
            server.ask(Method::DELETE, &format!("/v1/keys/{id}"), String::new()).await?;
            print_revoked(&id, json);
        }
    }
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(reply: &'a Reply) -> Result<T, CliError> {
    serde_json::from_slice(&reply.body).map_err(|error| {
        CliError::new(Code::Failed, format!("the reply is none of a coffer server of this version: {error}"))
    })
}

fn unavailable(error: ClientError) -> CliError {
    CliError::new(Code::Unavailable, error.to_string())
}
