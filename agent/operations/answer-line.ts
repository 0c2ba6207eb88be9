// One line of what the control socket answers: progress while it works, then exactly one result or error.

export type AnswerLine =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number | null; readonly what: string }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly hint: string | null };
