export function withoutTypes(
  path: string,
  text: string,
  options?: { readonly extensions?: 'kept' | 'rewritten' },
): string
