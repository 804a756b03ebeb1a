/** What a failure means for a rerun: whether it may pass by itself, and what people are told. */

/** `waits`: tried for ever. `perhaps`: some times. `never`: somebody has to do something first. */
export type Outlook = 'waits' | 'perhaps' | 'never'

/** Codes of failures that only say that a part failed: whether that may pass, their cause knows. */
const ofAPart: readonly unknown[] = ['SPLIT_FAILED']

/** Goes by code and `retry`, not by class: errors come from other threads too. */
export function helpsToWait(error: unknown): Outlook {
  const { code, retry, cause } = partsOf(error)
  if (ofAPart.includes(code)) return cause === undefined ? 'perhaps' : helpsToWait(cause)
  if (retry === 'afterBackoff' || retry === 'outcomeUnknown') return 'waits'
  return retry === 'never' ? 'never' : 'perhaps'
}

export function troubleOf(error: unknown): { readonly code: string; readonly says: string } {
  const { code } = partsOf(error)
  const says = error instanceof Error ? error.message : String(error)
  return { code: typeof code === 'string' ? code : 'unexpected', says: says.slice(0, troubleMaxLength) }
}

/** Characters; messages of engines can hold whole statements. */
export const troubleMaxLength = 2_000

function partsOf(error: unknown): { readonly code?: unknown; readonly retry?: unknown; readonly cause?: unknown } {
  return typeof error === 'object' && error !== null ? error : {}
}
