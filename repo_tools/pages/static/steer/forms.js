// What the fields of a form say, as the API takes it.

export function read(form, drop) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || drop.includes(field.name)) continue;
    let value = field.value;
    if ("each" in field.dataset) value = field.checked ? [...(body[field.name] ?? []), value] : body[field.name] ?? [];
    else if (field.type === "checkbox") value = field.checked;
    else if (field.type === "number") value = Number(value);
    else if ("list" in field.dataset) value = value.split(/[\s,]+/).filter(Boolean);
    if (value === "" || value === false || (Array.isArray(value) && !value.length)) continue;
    body[field.name] = value;
  }
  return body;
}
