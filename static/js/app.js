// What HTML and CSS cannot do alone. No state: everything that lasts is in the page or on the server.
const find = (selector, root = document) => root.querySelector(selector), picker = () => find('#picker');

// Copy a code block, or what the button names; show a password; open a dialog, close one; open the picker, choose there, give a star there.
document.addEventListener('click', (event) => {
  const [copier, reveal, dialog, close, opener, option] = ['[data-copy]', '[data-reveal]', '[data-dialog]', '[data-close]', '[data-picker], [data-fill]', '#picker [role=option]'].map((part) => event.target.closest(part));
  if (copier) copy(copier);
  if (reveal) {
    const input = document.getElementById(reveal.dataset.reveal);
    reveal.setAttribute('aria-pressed', (input.type = input.type === 'text' ? 'password' : 'text') === 'text');
  }
  if (dialog) document.getElementById(dialog.dataset.dialog).showModal();
  if (close || event.target === picker()) event.target.closest('dialog').close();
  if (opener) openPicker(opener);
  if (option) (event.target.closest('[data-star]') ? star : choose)(option);
});

async function copy(button) {
  const source = button.dataset.copy ? document.getElementById(button.dataset.copy) : find('pre', button.closest('figure'));
  await navigator.clipboard.writeText(source.textContent);
  const use = find('use', button), was = use.getAttribute('href');
  if (!was.endsWith('#check')) setTimeout(() => use.setAttribute('href', was), 1200);
  use.setAttribute('href', was.replace(/#.*/, '#check'));
}

// The picker. Its opener names the address to post the choice to (data-picker) or the field to fill (data-fill).
function openPicker({ dataset }) {
  const dialog = picker(), search = find('#picker-search'), model = find('#chosen-model')?.value ?? '';
  Object.assign(dialog.dataset, { url: dataset.picker ?? '', field: dataset.fill ?? '', enter: '' });
  for (const chip of dialog.querySelectorAll(':checked')) chip.checked = false;
  for (const [id, value] of Object.entries({ search: '', chosen: model, provider: dataset.provider ?? '' })) find(`#picker-${id}`).value = value;
  search.setAttribute('aria-activedescendant', '');
  dialog.showModal();
  search.focus();
  htmx.process(dialog); // somebody may be faster than htmx, which begins when the page is loaded
  htmx.trigger(search, 'picker-opened');
}
function choose(option, once = '') {
  if (!option || option.getAttribute('aria-disabled') === 'true') return;
  const dialog = picker(), field = document.getElementById(dialog.dataset.field), values = { model: option.dataset.model, then: find('#then-model')?.value ?? '', once };
  dialog.close();
  if (!field) htmx.ajax('POST', dialog.dataset.url, { source: dialog, swap: 'none', values });
  else Object.assign(field, { value: option.dataset.value }).dispatchEvent(new Event('change', { bubbles: true }));
  (field ?? find('#text'))?.focus();
}
function star(option) {
  const model = option.dataset.model, favourite = option.hasAttribute('data-starred') ? '' : 'y';
  for (const row of document.querySelectorAll(`#picker [data-model="${model}"]`)) row.toggleAttribute('data-starred', favourite);
  htmx.ajax('POST', picker().dataset.stars, { source: picker(), swap: 'none', values: { model, favourite } });
}
// It is a combobox: the focus stays in the field, one option is marked, and shown beside the list.
function mark(option) {
  const pane = find('#picker-pane');
  find('#picker .at')?.classList.remove('at');
  find('#picker-search').setAttribute('aria-activedescendant', option?.id ?? '');
  if (!option) return pane.replaceChildren();
  option.classList.add('at');
  option.scrollIntoView({ block: 'nearest' });
  find('#picker-marked').value = option.dataset.model;
  if (pane.checkVisibility()) htmx.trigger(pane, 'marked');
}
// After a swap that took the mark: what was marked, else the same model elsewhere; after typing the first one, at the beginning the chosen one.
function markAgain() {
  const search = find('#picker-search'), id = search.getAttribute('aria-activedescendant');
  find('#picker .at') || mark((id && (document.getElementById(id) ?? find(`#picker [data-model="${find('#picker-marked').value}"]`))) || (!search.value && find('#picker [aria-selected=true]')) || find('#picker [role=option]'));
}
// Enter before the results are there waits for them, so that it never takes one of an older search.
function enterPicker(how) {
  const isStale = find('#picker-list').dataset.query !== find('#picker-search').value || find('#picker-options.htmx-request');
  picker().dataset.enter = isStale ? how : '';
  if (!isStale) choose(find('#picker .at'), how === 'once' ? 'y' : '');
}
function keyInPicker(event) {
  markAgain(); // a key may be faster than the end of a swap
  const options = [...document.querySelectorAll('#picker [role=option]')], at = options.findIndex((o) => o.matches('.at')), last = options.length - 1;
  const heads = options.flatMap((o, place) => (o.parentElement === options[place - 1]?.parentElement ? [] : [place])); // of the groups
  const isFar = event.ctrlKey || event.metaKey, ofList = isFar || !find('#picker-search').value; // else Home and End are the field's
  const down = isFar ? heads.find((head) => head > at) ?? last : at + 1, up = isFar ? heads.findLast((head) => head < at) ?? 0 : at - 1;
  const to = { ArrowDown: down, ArrowUp: up, PageDown: at + 8, PageUp: at - 8, Home: ofList ? 0 : null, End: ofList ? last : null }[event.key];
  if (event.altKey && event.code === 'KeyF') at >= 0 && star(options[at]);
  else if (!event.target.matches('#picker-search, #picker-options')) return;
  else if (event.key === 'Enter') enterPicker(isFar ? 'once' : 'use');
  else if (to != null) mark(options[Math.max(0, Math.min(to, last))]);
  else return;
  event.preventDefault();
}
document.addEventListener('input', ({ target }) => { if (target.id === 'picker-search') target.setAttribute('aria-activedescendant', ''); if (target.dataset.sets) find(target.dataset.sets).value = target.value; }); // a slider types into its field
document.addEventListener('keydown', (event) => {
  if (event.isComposing) return; // a method editor for Vietnamese or Chinese uses these keys, too
  if (picker()?.open) return keyInPicker(event);
  const typing = event.target.matches('input, textarea, select, [contenteditable]'), search = find('input[type=search]:not(dialog *)');
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'j') find('#pick [data-picker]')?.click();
  else if (event.altKey && event.key.toLowerCase() === 'n') find('#new-chat')?.click();
  else if (event.key === '/' && !typing && search) search.focus();
  else if (event.key === 'Escape' && !find('dialog[open], [popover]:popover-open')) find('#composer-stop')?.click();
  else if (event.target.matches('[data-composer]') && event.key === 'Enter' && !event.shiftKey) find('#send')?.click();
  else return;
  event.preventDefault();
});

// A swap keeps the reader where they are: at the end, if that is where they were.
const page = document.documentElement;
let wasAtEnd = false; // between the two halves of one swap
document.addEventListener('htmx:before:swap', () => { wasAtEnd = find('#log') && page.scrollHeight - page.scrollTop - page.clientHeight < 120; });
document.addEventListener('htmx:after:swap', (event) => {
  if (wasAtEnd) page.scrollTop = page.scrollHeight;
  if (picker()?.open) markAgain();
  if (picker()?.matches('[open]:not([data-enter=""])')) enterPicker(picker().dataset.enter);
  if (event.detail.ctx?.response?.status === 422) find('[aria-invalid=true]')?.focus();
  for (const thought of document.querySelectorAll('.thought:not(:empty)')) thought.parentElement.hidden = !thought.textContent;
  for (const toast of document.querySelectorAll('[data-toast]:not([data-timed])')) expire(toast);
});
document.addEventListener('htmx:finally:request', (event) => { if (event.target.id === 'composer') find('#text')?.focus(); });
document.addEventListener('htmx:error', (event) => { if (!event.detail.ctx?.response) find('#alerts')?.replaceChildren(find('#offline').content.cloneNode(true)); });
// A toast goes after 30 seconds, the time in which it can be undone; not while it is looked at.
const expire = (toast) => { toast.dataset.timed = setTimeout(() => (toast.matches(':hover, :focus-within') ? expire(toast) : toast.remove()), 30000); };
if (find('#log .msg') && !location.hash) page.scrollTop = page.scrollHeight;
if (matchMedia('(pointer: fine)').matches && !location.hash) find('[data-composer]')?.focus(); // a finger wants the tab bar first
document.querySelectorAll('[data-toast]').forEach(expire);
if (location.hash) find(location.hash)?.focus();
