/**
 * Web origins a browser key is bound to: `https://shop.example`, or `https://*.shop.example` for every subdomain (of any
 * depth, the domain itself left out, as in a Content-Security-Policy).
 *
 * This keeps a page's key from being used by other pages, whose browsers tell the truth about where they stand. Whoever
 * sends without a browser can say anything: it is no protection against those.
 */
import type { StoredKey } from '../../core/ports/control-store.ts'
import { ProblemError } from './problem.ts'

/** Origins of one key. */
export const originsMax = 50
export const originMaxLength = 300

/** The origin as browsers write it (lower case, no default port); undefined where the text is none. */
export function canonicalOrigin(text: string): string | undefined {
  if (text.length > originMaxLength) return undefined
  const [, scheme = '', wildcard = '', host = ''] = /^(https?:\/\/)(\*\.)?([^/?#@*\s]+)$/i.exec(text) ?? []
  if (host === '') return undefined
  const origin = originOf(scheme + host)
  return origin === undefined ? undefined : origin.replace('://', `://${wildcard}`)
}

/** What a request says of where it comes from. */
export interface RequestOrigin {
  readonly origin?: string | undefined
  readonly referer?: string | undefined
}

/**
 * Passes every request of a server key and of a key bound to no origin. Of others, those whose `Origin` is one of the
 * key's, or, where a browser sends none (images), whose `Referer` lies in one. @throws ProblemError 403 `bad_origin`
 */
export function checkOrigin(key: StoredKey, from: RequestOrigin): void {
  if (key.kind !== 'browser' || key.origins.length === 0) return
  const origin = from.origin ?? (from.referer === undefined ? undefined : originOf(from.referer))
  if (origin !== undefined && bindingOf(key).allows(origin)) return
  const detail =
    origin === undefined
      ? 'this key is bound to origins, and the request has neither Origin nor Referer'
      : `this key is not for ${origin.slice(0, originMaxLength)}; send from one of its origins`
  throw new ProblemError(403, 'bad_origin', detail)
}

interface Binding {
  allows(origin: string): boolean
}

// Holders live as long as the key directory knows them.
const bindings = new WeakMap<StoredKey, Binding>()

function bindingOf(key: StoredKey): Binding {
  let binding = bindings.get(key)
  if (binding === undefined) {
    const wildcards = key.origins.filter((origin) => origin.includes('*')).map((origin) => origin.split('*', 2))
    const whole = new Set(key.origins)
    binding = {
      allows: (origin) =>
        whole.has(origin) ||
        wildcards.some(
          ([before = '', after = '']) =>
            origin.startsWith(before) &&
            origin.endsWith(after) &&
            /^[a-z0-9._-]+$/.test(origin.slice(before.length, -after.length)),
        ),
    }
    bindings.set(key, binding)
  }
  return binding
}

function originOf(address: string): string | undefined {
  try {
    const { origin } = new URL(address)
    return origin === 'null' ? undefined : origin
  } catch {
    return undefined
  }
}
