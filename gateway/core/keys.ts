/**
 * Keys: minting, hashing, finding who holds one, and what its holder may do.
 *
 * `KeyDirectory` promises: a hot key is found synchronously; equal misses ask the store once; a flood of unknown keys
 * costs bounded memory and evicts no good key; while the store does not answer, keys known before go on being found.
 * A key changed by another process is seen after at most `ttlMs`; by this one at once (`forgetMerchant`).
 */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { MerchantId } from '../../core/ids.ts'
import type { Clock, Random } from '../../core/ports/clock.ts'
import type { ControlStore, KeyHolder, KeyRight } from '../../core/ports/control-store.ts'
import { ProblemError } from './problem.ts'

/** Longer texts are no key of ours and are not looked up. */
export const keyMaxLength = 256
export const defaultMaxKeys = 100_000
/** Unknown keys remembered, in a cache of their own. */
export const defaultMaxUnknownKeys = 10_000
export const defaultUnknownTtlMs = 1_000
export const defaultKeyTtlMs = 60_000
/** Questions to the store under way at once; beyond it 503, so that a flood of random keys queues nowhere. */
export const defaultMaxQuestions = 256

export interface KeyDirectory {
  /** Who holds the key; undefined where nobody does. A promise only where the store must be asked. */
  find(key: string): KeyHolder | undefined | Promise<KeyHolder | undefined>
  /** What is known of the merchant's keys is stale: ask again. */
  forgetMerchant(id: MerchantId): void
  clear(): void
}

export interface KeyDirectoryOptions {
  readonly store: Pick<ControlStore, 'findKey'>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly maxEntries?: number
  readonly maxUnknown?: number
  readonly ttlMs?: number
  readonly negativeTtlMs?: number
  readonly maxQuestions?: number
}

interface Known {
  readonly holder: KeyHolder
  readonly until: number
}

export function createKeyDirectory(options: KeyDirectoryOptions): KeyDirectory {
  const { store, clock } = options
  const ttlMs = options.ttlMs ?? defaultKeyTtlMs
  const unknownTtlMs = options.negativeTtlMs ?? defaultUnknownTtlMs
  const maxQuestions = options.maxQuestions ?? defaultMaxQuestions
  // The raw key is the cache's key, in memory only: hashing each request's key would cost more than the look-up.
  const known = new LRUCache<string, Known>({ max: options.maxEntries ?? defaultMaxKeys })
  const unknownUntil = new LRUCache<string, number>({ max: options.maxUnknown ?? defaultMaxUnknownKeys })
  const asking = new Map<string, Promise<KeyHolder | undefined>>()
  let questions = 0
  // Raised whenever something is forgotten: an answer asked for before that may be stale and is not kept.
  let age = 0

  async function ask(key: string, before: Known | undefined): Promise<KeyHolder | undefined> {
    const askedAt = age
    questions += 1
    try {
      const holder = await store.findKey(hashKey(key))
      if (askedAt !== age) return holder
      if (holder !== undefined) known.set(key, { holder, until: clock.monotonic() + ttlMs })
      else {
        known.delete(key)
        unknownUntil.set(key, clock.monotonic() + unknownTtlMs)
      }
      return holder
    } catch (error) {
      if (before !== undefined) return before.holder
      throw error
    } finally {
      questions -= 1
    }
  }

  return {
    find(key) {
      const hit = known.get(key)
      if (hit !== undefined && clock.monotonic() < hit.until) return hit.holder
      if (key.length > keyMaxLength) return undefined
      const until = unknownUntil.get(key)
      if (until !== undefined && clock.monotonic() < until) return undefined
      const same = asking.get(key)
      if (same !== undefined) return same
      if (questions >= maxQuestions) {
        if (hit !== undefined) return hit.holder
        throw new ProblemError(
          503,
          'overloaded',
          'too many keys are being looked up; try again',
          {},
          { retryAfterSeconds: 1 },
        )
      }
      const question = ask(key, hit).finally(() => {
        if (asking.get(key) === question) asking.delete(key)
      })
      asking.set(key, question)
      return question
    },
    forgetMerchant(id) {
      age += 1
      asking.clear()
      for (const [key, { holder }] of known.entries()) if (holder.key.merchant === id) known.delete(key)
    },
    clear() {
      age += 1
      asking.clear()
      known.clear()
      unknownUntil.clear()
    },
  }
}

const keyLetters = { write: 'w', read: 'r', admin: 'a' } as const

/** A new key, `hl_w_…`: 32 unpredictable bytes in base64url behind a prefix that says what it is for. */
export function mintKey(random: Random, purpose: keyof typeof keyLetters): string {
  return `hl_${keyLetters[purpose]}_${Buffer.from(random.bytes(32)).toString('base64url')}`
}

/** What the store keeps of a key: SHA-256, hex. Unsalted, because keys are random and looked up by it. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** The key of an `Authorization: Bearer <key>` header; undefined where there is none. */
export function bearerKey(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  const [, key] = /^Bearer +(\S+) *$/i.exec(authorization) ?? []
  return key
}

/** The holder, if it has the right. @throws ProblemError 401 `bad_key`, 403 `forbidden` */
export function authorize(holder: KeyHolder | undefined, right: KeyRight): KeyHolder {
  if (holder === undefined) throw new ProblemError(401, 'bad_key', 'no such key; check it for a copying mistake')
  if (!holder.key.rights.includes(right)) {
    throw new ProblemError(403, 'forbidden', `this key lacks the right ${right}; use one that has it`)
  }
  return holder
}

/**
 * Finds the key's holder and checks its right; synchronously where the key is hot.
 * @throws ProblemError 401 `no_key`, `bad_key`, 403 `forbidden`; as a rejection where the store was asked
 */
export function authorizeKey(
  keys: KeyDirectory,
  key: string | undefined,
  right: KeyRight,
): KeyHolder | Promise<KeyHolder> {
  if (key === undefined || key === '') {
    throw new ProblemError(401, 'no_key', 'send a key: Authorization: Bearer <key>')
  }
  const found = keys.find(key)
  return found instanceof Promise ? found.then((holder) => authorize(holder, right)) : authorize(found, right)
}
