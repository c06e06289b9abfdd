// What HTML and CSS cannot do alone. No state: everything that lasts is in the page or on the server.
const find = (selector, root = document) => root.querySelector(selector);
const picker = () => find('#picker');

// Copy: of a code block, or of the element that the button names.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const source = button.dataset.copy ? document.getElementById(button.dataset.copy) : find('pre', button.closest('figure'));
  await navigator.clipboard.writeText(source.textContent);
  const use = find('use', button), was = use.getAttribute('href');
  if (was.endsWith('#check')) return;
  use.setAttribute('href', was.replace(/#.*/, '#check'));
  setTimeout(() => use.setAttribute('href', was), 1200);
});

// Show a password; close a dialog; open the picker for the address that the button names.
document.addEventListener('click', (event) => {
  const reveal = event.target.closest('[data-reveal]'), close = event.target.closest('[data-close]');
  const opener = event.target.closest('[data-picker]'), option = event.target.closest('#picker [role=option]');
  if (reveal) {
    const input = document.getElementById(reveal.dataset.reveal), shown = input.type === 'text';
    input.type = shown ? 'password' : 'text';
    reveal.setAttribute('aria-pressed', String(!shown));
  }
  if (close || event.target === picker()) event.target.closest('dialog').close();
  if (opener) openPicker(opener.dataset.picker);
  if (option) choose(option);
});

function openPicker(url) {
  const dialog = picker();
  if (!dialog || dialog.open) return;
  dialog.dataset.url = url;
  dialog.removeAttribute('data-enter');
  dialog.showModal();
  const search = Object.assign(find('#picker-search'), { value: '' });
  search.focus();
  find('#chosen-for-picker').value = find('#chosen-model')?.value ?? '';
  htmx.process(dialog); // somebody may be faster than htmx, which begins when the page is loaded
  htmx.trigger(search, 'picker-opened');
}

function choose(option) {
  if (!option || option.getAttribute('aria-disabled') === 'true') return;
  const dialog = picker(), values = { model: option.dataset.model };
  if (dialog.dataset.conversation) values.conversation = dialog.dataset.conversation;
  dialog.close();
  htmx.ajax('POST', dialog.dataset.url, { source: find('#pick'), values, swap: 'none' });
  find('#text')?.focus();
}

// The picker's list is a combobox: the focus stays in the field, one option is marked.
function mark(option) {
  const search = find('#picker-search');
  find('#picker .at')?.classList.remove('at');
  if (!option) return search.removeAttribute('aria-activedescendant');
  option.classList.add('at');
  search.setAttribute('aria-activedescendant', option.id);
  option.scrollIntoView({ block: 'nearest' });
}

// Enter before the results are there waits for them, so that it never takes one of an older search.
function chooseMarked() {
  const isStale = find('#picker-list').dataset.query !== find('#picker-search').value;
  picker().toggleAttribute('data-enter', isStale);
  if (!isStale) choose(find('#picker .at'));
}

document.addEventListener('keydown', (event) => {
  const dialog = picker();
  if (dialog?.open) {
    const options = [...dialog.querySelectorAll('[role=option]')], at = options.findIndex((o) => o.classList.contains('at'));
    const group = options[at]?.closest('[role=group]'), next = group?.nextElementSibling;
    if (event.key === 'ArrowDown') mark((event.ctrlKey && next && find('[role=option]', next)) || options[Math.min(at + 1, options.length - 1)]);
    else if (event.key === 'ArrowUp') mark(options[Math.max(at - 1, 0)]);
    else if (event.key === 'Enter' && !event.isComposing) chooseMarked();
    else return;
    return event.preventDefault();
  }
  const typing = event.target.matches('input, textarea, select, [contenteditable]'), search = find('input[type=search]:not(dialog *)');
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'j') find('#pick [data-picker]')?.click();
  else if (event.altKey && event.key.toLowerCase() === 'n') find('#new-chat')?.click();
  else if (event.key === '/' && !typing && search) search.focus();
  else if (event.key === 'Escape' && !find('dialog[open], [popover]:popover-open')) find('#composer-stop')?.click();
  // A method editor for Vietnamese or Chinese ends its word with Enter too.
  else if (event.target.matches('[data-composer]') && event.key === 'Enter' && !event.shiftKey && !event.isComposing) find('#send')?.click();
  else return;
  event.preventDefault();
});

// A swap keeps the reader where they are: at the end, if that is where they were.
const page = document.documentElement;
const atEnd = () => find('#log') && page.scrollHeight - page.scrollTop - page.clientHeight < 120;
let wasAtEnd = false; // between the two halves of one swap
document.addEventListener('htmx:before:swap', () => { wasAtEnd = atEnd(); });
document.addEventListener('htmx:after:swap', (event) => {
  if (wasAtEnd) page.scrollTop = page.scrollHeight;
  if (picker()?.open && !find('#picker .at')) mark(find(find('#picker-search').value ? '#picker [role=option]' : '#picker [aria-selected=true]') ?? find('#picker [role=option]'));
  if (picker()?.matches('[open][data-enter]')) chooseMarked();
  if (event.detail.ctx?.response?.status === 422) find('[aria-invalid=true]')?.focus();
  for (const thought of document.querySelectorAll('.thought:not(:empty)')) thought.parentElement.hidden = !thought.textContent;
  for (const toast of document.querySelectorAll('[data-toast]:not([data-timed])')) expire(toast);
});
document.addEventListener('htmx:finally:request', (event) => { if (event.target.id === 'composer') find('#text')?.focus(); });
document.addEventListener('htmx:error', (event) => {
  if (event.detail.ctx?.response) return;
  find('#alerts')?.replaceChildren(find('#offline').content.cloneNode(true));
});

// A toast goes after 30 seconds, the time in which it can be undone; not while it is looked at.
function expire(toast) {
  toast.dataset.timed = '';
  setTimeout(() => (toast.matches(':hover, :focus-within') ? expire(toast) : toast.remove()), 30000);
}

if (find('#log .msg') && !location.hash) page.scrollTop = page.scrollHeight;
if (matchMedia('(pointer: fine)').matches && !location.hash) find('[data-composer]')?.focus(); // a finger wants the tab bar first
document.querySelectorAll('[data-toast]').forEach(expire);
if (location.hash) find(location.hash)?.focus();
