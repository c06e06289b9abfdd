"""More exact texts for a category, when a second word is known.

The word is the recovery step that the classification names (webapp/upstream/classify), the kind of host (`loopback`,
`container`), `member` for readers who are no admin, or `own` for a failure before anything was sent.
"""

from flask_babel import lazy_gettext as _

from webapp.web.advice_entry import OTHER_MODEL, OTHER_PROVIDER, WAIT, entry

LOOPBACK = entry(
    _("Nothing answers at %(host)s"),
    _("This address means the machine, or the container, that runs Jackfield itself; no server listens there."),
    _("Check that the server runs on that machine and that the port is right."),
    _("If Jackfield runs in a container, write host.docker.internal instead, and let the server listen on 0.0.0.0."),
    _("If the server is another machine, write that machine’s name or address."),
    action="edit_address",
)

CASES = {
    ("auth_missing", "switch_protocol"): entry(
        _("%(provider)s expects another protocol"),
        _("The server found no key: it looks for it in the header x-api-key, as the Anthropic protocol has it."),
        _("Set the protocol of %(provider)s to Anthropic."),
        _("If the server offers both protocols, choose the address that belongs to the one you want."),
        action="edit_provider",
    ),
    ("auth_missing", "open_link"): entry(
        _("The server is not signed in to its cloud"),
        _("The model runs in the cloud of Ollama, and the machine at %(host)s has no account there yet."),
        _("Run this on that machine: ollama signin"),
        _("Or choose a model that runs on the machine itself."),
        action="pick_model",
    ),
    ("auth_missing", "add_header"): entry(
        _("A header for the gateway is missing"),
        _("The gateway before %(provider)s asks for a key of its own, beside the provider’s key."),
        _("Add the header that it names under the extra headers; for Cloudflare: cf-aig-authorization."),
        action="edit_provider",
    ),
    ("auth_missing", "own"): entry(
        _("The saved key does not open"),
        _("It was sealed with another master key or for another address, so nothing was sent."),
        _("Enter the key of %(provider)s again."),
        _("If all keys fail like this, put the former master.key or JACKFIELD_ENCRYPTION_KEYS back."),
        action="edit_key",
    ),
    ("auth_invalid", "try_sibling_endpoint"): entry(
        _("The key was refused"),
        _("The keys of one region, platform or plan do not work at the address of another, and this may be another."),
        _("Check in which region or on which platform the key was made, and change the address to that one."),
        _("If they fit together, copy the key again and replace it here."),
        action="edit_address",
    ),
    ("permission", "change_network_or_provider"): entry(
        _("%(provider)s does not serve this region"),
        _("What counts is the network address of the machine that runs Jackfield, not yours."),
        _("Use a model of another provider."),
        _("Or reach it through a gateway in a region that it serves."),
        action="pick_model",
    ),
    ("permission", "allow_host"): entry(
        _("The server does not go by the name %(host)s"),
        _("It only answers to the host names on its own list, and this one is not on it."),
        _("Add the name to the trusted hosts in that server’s settings (Jan: Local API Server)."),
        _("Then try again."),
        action="retry",
    ),
    ("permission", "own"): entry(
        _("%(provider)s is switched off here"),
        _("Nothing was sent."),
        _("Use a model of another provider."),
        _("Or have %(provider)s switched on again, on its own page."),
        action="pick_model",
    ),
    ("billing", "contact_admin"): entry(
        _("The budget of this key is used up"),
        _("The gateway gives every key a budget of its own; waiting does not help."),
        _("Ask whoever runs the gateway for a larger budget."),
        OTHER_PROVIDER,
        action="pick_model",
    ),
    ("billing", "try_sibling_endpoint"): entry(
        _("No credit at this address"),
        _("The key works. Either the balance is empty, or the key belongs to a plan that has an address of its own."),
        _("If you have a coding plan, change the address to the one of the plan."),
        _("Otherwise add credit in your account at %(provider)s."),
        action="edit_address",
    ),
    ("rate_limit", "own"): entry(
        _("No place at %(provider)s came free"),
        _("Only so many calls go to it, as was set here, and others were before this one; nothing was sent."),
        WAIT,
        _("Or have the limits of %(provider)s raised, on its own page."),
        OTHER_PROVIDER,
        action="retry",
    ),
    ("overloaded", "pick_model"): entry(
        _("%(provider)s cannot run the model at present"),
        _("The provider has taken %(model)s out of service for now; its other models may work."),
        _("Choose another model."),
        _("Or try this one again later."),
        action="pick_model",
    ),
    ("overloaded", "own"): entry(
        _("All places are taken"),
        _("Jackfield is writing as many answers as it can at once; nothing was sent to %(provider)s."),
        action="retry",
        wait=WAIT,
    ),
    ("model_not_found", "pull_model"): entry(
        _("The server has not downloaded %(model)s"),
        _("Ollama at %(host)s knows the models on its own disk only."),
        _("Run this on that machine, with the model’s name: ollama pull"),
        _("Then refresh the models here."),
        OTHER_MODEL,
        action="refresh_models",
    ),
    ("model_not_found", "own"): entry(
        _("The model is no longer here"),
        _("It or its provider was deleted in Jackfield; nothing was sent."),
        _("Choose another model."),
        action="pick_model",
    ),
    ("feature_unsupported", "remove_images"): entry(
        _("The model cannot see images"),
        _("The request holds an image, and %(model)s reads text only or was started without its image part."),
        _("Choose a model that reads images."),
        _("Or send the message without the image."),
        _("If you run llama.cpp, start it with --mmproj and the model’s image part."),
        action="pick_model",
    ),
    ("bad_request", "edit_key"): entry(
        _("The headers of the request are too large"),
        _("The key or an extra header holds far more text than a server takes."),
        _("Replace the key: one line, as %(provider)s shows it."),
        _("Check the extra headers."),
        action="edit_key",
    ),
    ("blocked", "fix_base_url"): entry(
        _("A firewall answered, not the API"),
        _("The API of this provider is probably at another host than %(host)s."),
        _("Compare the host with the provider’s documentation: .com, .ai and .cn can be different servers."),
        action="edit_address",
    ),
    ("bad_response", "fix_base_url"): entry(
        _("The server does not speak HTTP there"),
        _("Something listens at %(host)s, but what it sends is not an HTTP answer."),
        _("If the server has TLS, let the address begin with https://."),
        _("Otherwise check the port: it may belong to something else."),
        action="edit_address",
    ),
    ("timeout", "enable_streaming"): entry(
        _("A proxy gave up waiting"),
        _("Something between Jackfield and %(provider)s closed the call because the answer took too long to begin."),
        _("Try again; a shorter message or a faster model begins sooner."),
        _("If the proxy is yours, raise its time limit."),
        action="retry",
    ),
    ("timeout", "raise_timeout"): entry(
        _("%(provider)s did not answer in time"),
        _("The connection was open, but nothing came for as long as calls to this provider may wait."),
        _("If it always takes long, as a model that loads or thinks first, raise the time limit of the provider."),
        OTHER_MODEL,
        action="retry",
        wait=_("Try again: such pauses are often short."),
    ),
    ("network_refused", "loopback"): LOOPBACK,
    ("network_refused", "fix_base_url"): LOOPBACK,
    ("network_refused", "server_bind"): entry(
        _("Nothing answers at %(host)s"),
        _("The machine is there; its server probably listens to calls from that machine alone."),
        _("Let it listen on all addresses: start Ollama with OLLAMA_HOST=0.0.0.0, others with --host 0.0.0.0."),
        _("Check that the server runs and that the port is right."),
        action="retry",
    ),
    ("network_dns", "container"): entry(
        _("The name host.docker.internal was not found"),
        _("Docker gives this name to containers on Linux only when it is told to, and nothing else knows it."),
        _("Start the container with --add-host=host.docker.internal:host-gateway."),
        _("If Jackfield does not run in a container, write localhost instead."),
        action="edit_address",
    ),
    ("network_tls", "fix_base_url"): entry(
        _("The server does not speak TLS there"),
        _("The address begins with https://, but the server at %(host)s answers without encryption."),
        _("If the server is in your own network, let the address begin with http://."),
        _("Otherwise check the port: encryption usually has one of its own."),
        action="edit_address",
    ),
    ("blocked_address", "member"): entry(
        _("A private address that is not open"),
        _("Jackfield calls an address on this machine or in a private network only after an admin has opened it."),
        _("Ask an admin to open %(host)s: a test of the provider offers it to them."),
        OTHER_PROVIDER,
        action="pick_model",
    ),
}
