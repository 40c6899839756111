//! The OpenAPI document as a page: no script, nothing from outside, made once at start.

use std::fmt::{self, Write};

use serde_json::Value;
use utoipa::openapi::OpenApi;

const STYLE: &str = include_str!("docs.css");
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];
const REFERENCE: &str = "#/components/schemas/";

/// The page.
pub(super) fn page(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).expect("the document has string keys");
    let mut page = Page { out: String::with_capacity(256 << 10), document: &document };
    page.write().expect("a String takes every text");
    page.out
}

struct Page<'a> {
    out: String,
    document: &'a Value,
}

impl<'a> Page<'a> {
    fn write(&mut self) -> fmt::Result {
        let info = &self.document["info"];
        let (title, version) = (escaped(text(&info["title"])), escaped(text(&info["version"])));
        write!(
            self.out,
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title} API</title><style>{STYLE}</style></head><body><header><h1>{title} <small>{version}</small></h1>"
        )?;
        self.paragraphs(text(&info["description"]))?;
        self.out.push_str("<p><a href=\"/openapi.json\">openapi.json</a></p></header><main>");
        for tag in list(&self.document["tags"]) {
            self.tag(tag)?;
        }
        self.schemas()?;
        self.out.push_str("</main></body></html>");
        Ok(())
    }

    fn tag(&mut self, tag: &Value) -> fmt::Result {
        let name = text(&tag["name"]);
        write!(self.out, "<section><h2>{}</h2>", escaped(name))?;
        self.paragraphs(text(&tag["description"]))?;
        for (path, item) in fields(&self.document["paths"]) {
            for method in METHODS {
                let operation = &item[method];
                if list(&operation["tags"]).any(|tag| text(tag) == name) {
                    self.operation(method, path, operation)?;
                }
            }
        }
        self.out.push_str("</section>");
        Ok(())
    }

    fn operation(&mut self, method: &str, path: &str, operation: &'a Value) -> fmt::Result {
        let id = escaped(text(&operation["operationId"]));
        write!(
            self.out,
            "<details id=\"{id}\"><summary><b class=\"{method}\">{method}</b> <code>{}</code> {}</summary>",
            escaped(path),
            escaped(text(&operation["summary"]))
        )?;
        self.paragraphs(text(&operation["description"]))?;
        self.parameters(&operation["parameters"])?;
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if !body.is_null() {
            self.out.push_str("<h3>Body</h3>");
            self.shape(body)?;
        }
        self.out.push_str("<h3>Answers</h3><table>");
        for (status, response) in fields(&operation["responses"]) {
            write!(
                self.out,
                "<tr><td><code>{}</code><td>{}<td>",
                escaped(status),
                escaped(text(&response["description"]))
            )?;
            let shape = &response["content"]["application/json"]["schema"];
            let kind = self.kind(shape);
            write!(self.out, "{kind}</tr>")?;
        }
        self.out.push_str("</table></details>");
        Ok(())
    }

    fn parameters(&mut self, parameters: &Value) -> fmt::Result {
        if list(parameters).next().is_none() {
            return Ok(());
        }
        self.out.push_str("<h3>Parameters</h3><table>");
        for parameter in list(parameters) {
            let kind = self.kind(&parameter["schema"]);
            write!(
                self.out,
                "<tr><td><code>{}</code><td>{} · {kind}<td>{}</tr>",
                escaped(text(&parameter["name"])),
                escaped(text(&parameter["in"])),
                escaped(text(&parameter["description"]))
            )?;
        }
        self.out.push_str("</table>");
        Ok(())
    }

    /// The fields of an object, or the name of what is no object.
    fn shape(&mut self, schema: &'a Value) -> fmt::Result {
        let mut rows = Vec::new();
        self.collect(schema, &mut rows);
        if rows.is_empty() {
            let kind = self.kind(schema);
            return write!(self.out, "<p>{kind}</p>");
        }
        self.out.push_str("<table>");
        for (name, required, property) in rows {
            let kind = self.kind(property);
            let mark = if required { "<b>*</b>" } else { "" };
            let about = escaped(text(&property["description"]));
            write!(self.out, "<tr><td><code>{}</code>{mark}<td>{kind}<td>{about}</tr>", escaped(name))?;
        }
        self.out.push_str("</table>");
        Ok(())
    }

    /// Name, whether it must be there, and schema of every field; parts of a composed object are one object.
    fn collect(&self, schema: &'a Value, rows: &mut Vec<(&'a str, bool, &'a Value)>) {
        let schema = self.resolved(schema);
        for part in list(&schema["allOf"]).chain(list(&schema["oneOf"])) {
            self.collect(part, rows);
        }
        let required = |name: &str| list(&schema["required"]).any(|required| text(required) == name);
        rows.extend(fields(&schema["properties"]).map(|(name, property)| (name, required(name), property)));
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(REFERENCE)) {
            Some(name) => &self.document["components"]["schemas"][name],
            None => schema,
        }
    }

    /// A schema in a word or two, with a link where it has a name.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(REFERENCE)) {
            let name = escaped(name);
            return format!("<a href=\"#schema-{name}\">{name}</a>");
        }
        if schema["type"] == "array" {
            return format!("list of {}", self.kind(&schema["items"]));
        }
        let choices: Vec<_> = list(&schema["oneOf"]).map(|choice| self.kind(choice)).collect();
        if !choices.is_empty() {
            return choices.join(" or ");
        }
        let types: Vec<_> = match &schema["type"] {
            Value::Array(types) => types.iter().map(text).collect(),
            other => vec![text(other)],
        };
        let values: Vec<_> = list(&schema["enum"]).map(text).collect();
        let kind = if values.is_empty() { types.join(" or ") } else { values.join(" · ") };
        escaped(&kind)
    }

    fn schemas(&mut self) -> fmt::Result {
        self.out.push_str("<section><h2>Shapes</h2>");
        for (name, schema) in fields(&self.document["components"]["schemas"]) {
            let name = escaped(name);
            write!(self.out, "<details id=\"schema-{name}\" open><summary><code>{name}</code></summary>")?;
            self.paragraphs(text(&schema["description"]))?;
            self.shape(schema)?;
            self.out.push_str("</details>");
        }
        self.out.push_str("</section>");
        Ok(())
    }

    fn paragraphs(&mut self, text: &str) -> fmt::Result {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
            write!(self.out, "<p>{}</p>", escaped(paragraph))?;
        }
        Ok(())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, field)| (name.as_str(), field))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi;

    #[test]
    fn the_page_shows_every_operation_and_loads_nothing() {
        let document = openapi::document();
        let page = page(&document);
        for item in document.paths.paths.values() {
            for operation in [&item.get, &item.post, &item.put, &item.delete].into_iter().flatten() {
                let id = operation.operation_id.as_ref().unwrap();
                assert!(page.contains(&format!("<details id=\"{id}\">")), "{id} is missing");
            }
        }
        for outside in ["<script", "src=", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(outside), "the page loads something: {outside}");
        }
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
