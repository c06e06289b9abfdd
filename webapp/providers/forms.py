"""The form of a provider, checked in the same way for saving and for testing what is not saved."""

from typing import Any

from flask_babel import gettext, lazy_gettext
from wtforms import BooleanField, FieldList, FormField, HiddenField, PasswordField, RadioField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from webapp.accounts.user import User
from webapp.core.database import db
from webapp.core.errors import CryptoError
from webapp.core.runtime import runtime
from webapp.core.secret import Secret
from webapp.providers.editing import ProviderInput, confirm_private
from webapp.providers.header_forms import FORBIDDEN_HEADERS, TOKEN, HeaderForm
from webapp.providers.key_forms import LONGEST_KEY, clean_key
from webapp.providers.private_address import is_open
from webapp.providers.provider import Provider
from webapp.providers.vendors import Vendor, maker_of_key, vendor, vendors
from webapp.upstream.addresses import (
    AddressError,
    Endpoints,
    endpoints,
    host_port,
    is_denied,
    needs_confirmation,
    normalise,
    origin,
)
from webapp.upstream.doctor import outside_container
from webapp.upstream.pasted import Pasted, read_pasted
from webapp.upstream.target import AuthStyle
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_NAME, MOST_HEADERS = 100, 20
ADDRESS_ERRORS = {
    "empty": lazy_gettext("Type the address, for example https://api.example.com/v1."),
    "too_long": lazy_gettext("The address is longer than 2,048 characters."),
    "bad_scheme": lazy_gettext("The address must begin with https:// or http://."),
    "userinfo": lazy_gettext("Leave name and password out of the address; use a key or a header."),
    "query": lazy_gettext("Leave out the question mark and what follows it."),
    "fragment": lazy_gettext("Leave out the # and what follows it."),
    "non_ascii_host": lazy_gettext("Write the host in its ASCII form (xn--…)."),
    "bad_port": lazy_gettext("The port must be a number from 1 to 65535."),
}
ADDRESS_ERROR = lazy_gettext("This is not an address. It looks like https://api.example.com/v1.")


class ProviderForm(Form):
    """Name, address, key, headers. Built-ins keep their address and way of signing in."""

    vendor = HiddenField()
    name = StringField(
        lazy_gettext("Name"),
        [DataRequired(lazy_gettext("Give it a name.")), Length(max=LONGEST_NAME), no_control_characters],
        [strip],
    )
    base_url = StringField(lazy_gettext("Base URL"), [no_control_characters], [strip])
    dialect = RadioField(lazy_gettext("Protocol"), choices=["openai", "anthropic"], default="openai")
    auth_style = RadioField(lazy_gettext("Authentication"), choices=[style.value for style in AuthStyle])
    auth_name = StringField(lazy_gettext("Header or parameter"), filters=[strip])
    api_key = PasswordField(lazy_gettext("API key"), [Length(max=LONGEST_KEY), clean_key])
    headers = FieldList(FormField(HeaderForm), max_entries=2 * MOST_HEADERS)
    allow_private = BooleanField(lazy_gettext("Open this address"))
    is_shared = BooleanField(lazy_gettext("Everybody here may use it"))
    model = StringField(lazy_gettext("Model to test with"), [Optional(), Length(max=2000)])
    kept_key = HiddenField()  # sealed: a key that was pasted, or typed before the page was drawn again

    def __init__(self, *args: Any, is_address_fixed: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        self.is_address_fixed = self.name.flags.required = is_address_fixed
        self.pasted = Pasted("")
        self.is_key_typed = bool(self.api_key.data)
        self.dialect.validate_choice = self.auth_style.validate_choice = not is_address_fixed

    def validate_vendor(self, field: HiddenField) -> None:
        """Only templates that exist."""
        if field.data not in vendors():
            raise ValidationError(gettext("This kind of provider is not known."))

    def validate_base_url(self, field: StringField) -> None:
        """Repair the address where that is safe, refuse it where it is not."""
        if self.is_address_fixed:
            return
        try:
            field.data = normalise(field.data or "")
        except AddressError as error:
            raise ValidationError(str(ADDRESS_ERRORS.get(error.code, ADDRESS_ERROR))) from None
        if is_denied(field.data):
            raise ValidationError(gettext("This address is never opened: it belongs to the network's own machinery."))

    def validate_auth_name(self, field: StringField) -> None:
        """A header or parameter needs a name."""
        if self.auth_style.data in (AuthStyle.HEADER, AuthStyle.QUERY):
            if not field.data:
                raise ValidationError(gettext("Say which header or parameter carries the key."))
            if not TOKEN.fullmatch(field.data):
                raise ValidationError(gettext("A header name holds letters, digits and hyphens."))
            if field.data.lower() in FORBIDDEN_HEADERS - {"authorization"}:
                raise ValidationError(gettext("%(name)s is set by Jackfield itself.", name=field.data))

    def validate_headers(self, field: FieldList) -> None:
        """None is dropped in silence."""
        if len(field.entries) > MOST_HEADERS:
            raise ValidationError(gettext("At most %(most)s headers.", most=MOST_HEADERS))

    def recognise(self, user_id: int) -> None:
        """Take over what was pasted with the address. A typed key wins over a pasted one, that over a kept one."""
        typed = self.base_url.data or ""
        self.pasted = pasted = read_pasted(typed)
        self.base_url.data = pasted.address
        if not self.saved_address and not pasted.is_more_than_an_address and len(typed.split()) < 2:
            self.base_url.data = typed  # to be mended by hand; of a command only its address, as it may hold a key
        if pasted.auth:
            self.auth_style.data, self.auth_name.data = pasted.auth
        self.dialect.data = pasted.dialect or self.dialect.data
        self.model.data = self.model.data or pasted.model
        names = {(row.data["name"] or "").lower() for row in self.headers}
        for name, value in pasted.headers:
            if name.lower() not in names:
                self.headers.append_entry({"name": name, "value": value})
        self.api_key.data = self.api_key.data or pasted.key or self._open_kept(user_id)

    def keep_key(self, user_id: int) -> None:
        """Seal the key into the form for this user and this origin, as no page may hold one that can be read."""
        self.kept_key.data = ""
        if self.key and not self.api_key.errors and (address := self.saved_address):
            self.kept_key.data = runtime().key_ring.seal(self.key, _kept_context(user_id, address))

    def _open_kept(self, user_id: int) -> str:
        if not self.kept_key.data or not self.saved_address:
            return ""
        try:
            return runtime().key_ring.open(self.kept_key.data, _kept_context(user_id, self.saved_address)).reveal()
        except CryptoError:  # kept for another origin
            return ""

    @property
    def key(self) -> Secret | None:
        """The typed key, if one was typed."""
        return Secret(self.api_key.data) if self.api_key.data and self.auth_style.data != AuthStyle.NONE else None

    @property
    def saved_address(self) -> str | None:
        """The address as it would be stored; None while it is not one."""
        try:
            return normalise(self.base_url.data or "")
        except AddressError:
            return None

    @property
    def endpoints(self) -> Endpoints | None:
        """Where calls would go."""
        if not self.saved_address:
            return None
        chat_path = "/messages" if self.dialect.data == "anthropic" else "/chat/completions"
        return endpoints(self.saved_address, chat_path, vendor(self.vendor.data or "").list_at(self.saved_address))

    @property
    def mask_of_kept_key(self) -> str:
        """What may be shown of a key that the field does not hold."""
        return self.key.mask() if self.key and not self.is_key_typed else ""

    @property
    def maker_of_key(self) -> str | None:
        """Another vendor whose keys begin like this one."""
        return maker_of_key(self.key.reveal(), self.vendor.data, self.saved_address or "") if self.key else None

    @property
    def outside_container(self) -> str | None:
        """What to write instead of localhost, where that means the container."""
        return outside_container(self.saved_address) if self.saved_address and runtime().settings.in_container else None

    @property
    def private_address(self) -> tuple[str, int] | None:
        """Host and port that need an admin's confirmation; None for a public address."""
        url = self.base_url.data
        return host_port(url) if url and not self.base_url.errors and needs_confirmation(url) else None


def form_for(template: Vendor, provider: Provider | None = None) -> ProviderForm:
    """Return a form filled from a saved provider, or from the template of a new one."""
    if provider:
        form = ProviderForm(formdata=None, obj=provider, is_address_fixed=provider.is_builtin)
        form.vendor.data = provider.vendor_id
    else:
        form = ProviderForm(formdata=None)
        form.vendor.data, form.base_url.data = template.id, template.base_url
        form.name.data = "" if template.id == "custom" else template.name
        form.dialect.data, form.auth_style.data, form.auth_name.data = (
            template.dialect,
            template.auth,
            template.auth_name,
        )
        form.is_shared.data = True
    return form


def checked_input(form: ProviderForm, user: User, provider: Provider | None = None) -> ProviderInput | None:
    """Validate the form; None when something is wrong, with the reason beside its field.

    A private address needs an admin's confirmation in the same form.
    """
    if provider:
        form.vendor.data = provider.vendor_id
        if provider.is_builtin:
            form.base_url.data, form.dialect.data = provider.base_url, provider.dialect
            form.auth_style.data, form.auth_name.data = provider.auth_style, provider.auth_name
    if not form.is_address_fixed:
        form.recognise(user.id)
        if not form.name.data and form.saved_address:
            form.name.data = host_port(form.saved_address)[0][:LONGEST_NAME]
    if not form.validate():
        return None
    if not form.is_address_fixed and form.private_address and not is_open(db.session, *form.private_address):
        host, port = form.private_address
        if not user.is_admin:
            form.reject(
                form.base_url,
                gettext("This is a private address. An admin can open %(place)s.", place=f"{host}:{port}"),
            )
            return None
        if not form.allow_private.data:
            form.reject(
                form.allow_private, gettext("Confirm that Jackfield may connect to %(place)s.", place=f"{host}:{port}")
            )
            return None
        confirm_private(db.session, user, host, port)
    return ProviderInput(
        vendor_id=form.vendor.data,
        name=form.name.data,
        base_url=form.base_url.data or "",
        dialect=form.dialect.data,
        auth_style=form.auth_style.data,
        auth_name=form.auth_name.data or "",
        key=form.key,
        headers=tuple((row.data["name"], row.data["value"] or "") for row in form.headers if row.data["name"]),
        is_shared=bool(form.is_shared.data),
    )


def _kept_context(user_id: int, base_url: str) -> str:
    return f"typed key|user {user_id}|{origin(base_url)}"
