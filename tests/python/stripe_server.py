"""localstripe, a server that keeps state as Stripe does, with what it lacks for the tests of our connector.

stripe_server.py: serves on a free port of this machine and prints it. Beside localstripe as it is:
- Invoices without a subscription, which it does not make: POST /v1/invoices with pending_invoice_items_behavior=exclude, invoice items that
  name their invoice, and `pay` with the invoice's own default payment method, answered with 402 if it is declined, as Stripe documents them.
- POST /_test/next {"path", "before": status} refuses the next POST to that path (`*` in it is anything) before anything happens,
  {"after": status} after it has happened, {"delay": seconds} answers it late, {"hold": seconds} lets it happen late; "retry_after" goes along.
- POST /_test/event/{id of a payment intent} {"type"} gives the body that a message of that type has.
- GET /_test/requests: what was asked of it, with idempotency keys.
Nothing is kept on the disk.
"""

import asyncio
import socket
from fnmatch import fnmatch

from aiohttp import web
from localstripe import resources
from localstripe.errors import UserError

resources.Store.dump_to_disk = lambda self: None

following = []
requests = []


def create_invoice(cls, customer=None, metadata=None, pending_invoice_items_behavior=None, default_payment_method=None,
                   collection_method=None, auto_advance=None, currency=None):
    if pending_invoice_items_behavior != "exclude" or collection_method != "charge_automatically":
        raise UserError(400, "Not implemented")
    waiting = [item for item in resources.store.values() if isinstance(item, resources.InvoiceItem) and item.invoice is None]
    for item in waiting:
        item.invoice = "in_other"
    invoice = cls(customer=customer, metadata=metadata)
    for item in waiting:
        item.invoice = None
    resources.PaymentMethod._api_retrieve(default_payment_method)
    invoice.default_payment_method = default_payment_method
    invoice.auto_advance = auto_advance == "true"
    invoice.currency = currency
    return invoice


def create_item(cls, **data):
    item = cls(**data)
    if item.invoice is not None:
        invoice = resources.Invoice._api_retrieve(item.invoice)
        if invoice.status != "draft":
            raise UserError(400, "The invoice is no draft")
        invoice.lines._list.append(resources.InvoiceLineItem(item))
    return item


def pay_invoice(id):
    invoice = resources.Invoice._api_retrieve(id)
    if invoice.status not in ("draft", "open") or invoice.total <= 0:
        raise UserError(400, "The invoice cannot be paid")
    invoice._draft = False
    intent = resources.PaymentIntent(amount=invoice.total, currency=invoice.currency, customer=invoice.customer,
                                     payment_method=invoice.default_payment_method)
    invoice.payment_intent = intent.id
    intent.invoice = invoice.id
    intent._confirm(on_failure_now=intent._report_failure)
    return invoice


PAY = ("POST", "/v1/invoices/{id}/pay")
resources.extra_apis[:] = [api if api[:2] != PAY else (*PAY, pay_invoice) for api in resources.extra_apis]
resources.Invoice._api_create = classmethod(create_invoice)
resources.InvoiceItem._api_create = classmethod(create_item)

# It takes the routes as they are when it is imported.
from localstripe import server  # noqa: E402


@web.middleware
async def as_told(request, handler):
    if request.method != "POST" or request.path.startswith("/_"):
        return await handler(request)
    requests.append({"path": request.path, "key": request.headers.get("Idempotency-Key"), "version": request.headers.get("Stripe-Version"),
                     "body": (await request.read()).decode()})
    told = next((told for told in following if fnmatch(request.path, told["path"])), None)
    if told is None:
        return await handler(request)
    following.remove(told)
    headers = {"Retry-After": str(told["retry_after"])} if "retry_after" in told else {}
    if "before" in told:
        return web.json_response({"error": {"type": "api_error", "message": "as told"}}, status=told["before"], headers=headers)
    await asyncio.sleep(told.get("hold", 0))
    answer = await handler(request)
    await asyncio.sleep(told.get("delay", 0))
    if "after" in told:
        return web.json_response({"error": {"type": "api_error", "message": "as told"}}, status=told["after"], headers=headers)
    return answer


async def tell(request):
    following.append(await request.json())
    return web.Response()


async def event(request):
    intent = resources.PaymentIntent._api_retrieve(request.match_info["id"])
    kind = (await request.json())["type"]
    return web.json_response({"id": "evt_test", "object": "event", "type": kind, "data": {"object": intent._export()}})


server.app.middlewares.insert(0, as_told)
server.app.router.add_post("/_test/next", tell)
server.app.router.add_post("/_test/event/{id}", event)
server.app.router.add_get("/_test/requests", lambda request: web.json_response(requests))
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
web.run_app(server.app, sock=listening, print=None, access_log=None)
