/**
 * What an administrator may say of a merchant, and what comes of it. Requests are parsed whole: every fault is reported
 * with its JSON pointer, not only the first.
 */
import { z } from 'zod'
import { isCurrency } from '../../core/hit/currency.ts'
import type { KeyKind } from '../../core/hit.ts'
import { type MerchantId, merchantIdPattern } from '../../core/ids.ts'
import type { Random } from '../../core/ports/clock.ts'
import type { ControlStore, KeyRight, Merchant, StoredKey } from '../../core/ports/control-store.ts'
import { canonicalZone } from '../../core/time/zone-table.ts'
import { hashKey, mintKey } from './keys.ts'
import { type Fault, faultyRequest, ProblemError } from './problem.ts'

export const merchantNameMaxLength = 200
export const blockedNamesMax = 1_000
export const blockedNameMaxLength = 64

// A fault's code travels in the issue's params; without one it is `bad_field`.
const withCode = (code: string, error: string) => ({ params: { code }, error })

const name = z.string().min(1).max(merchantNameMaxLength)
const blockedNames = z.array(z.string().min(1).max(blockedNameMaxLength)).max(blockedNamesMax)
const kind = z.enum(['browser', 'server'])

const newMerchant = z.strictObject({
  id: z.string().regex(merchantIdPattern, 'must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit'),
  name,
  timeZone: z
    .string()
    .refine(
      (text) => canonicalZone(text) !== undefined,
      withCode('unknown_zone', 'is no time zone; send an IANA name'),
    ),
  currency: z.string().refine(isCurrency, withCode('bad_currency', 'is no ISO 4217 code; send one such as EUR')),
  blockedNames: blockedNames.default([]),
  /** What the write key may do beyond writing. */
  rights: z.array(z.literal('historical')).max(1).default([]),
  /** Of the write key. A server key's own user agent is not judged, so `curl` and imports count. */
  kind: kind.default('server'),
})

const merchantChange = z
  .strictObject({ name: name.optional(), blockedNames: blockedNames.optional() })
  .refine((change) => Object.keys(change).length > 0, 'must hold name or blockedNames')

const newKey = z
  .strictObject({
    kind,
    rights: z
      .array(z.enum(['write', 'read', 'historical']))
      .min(1)
      .max(3),
  })
  .refine(({ rights }) => new Set(rights).size === rights.length, { path: ['rights'], error: 'names a right twice' })
  .refine(({ rights }) => !rights.includes('historical') || rights.includes('write'), {
    path: ['rights'],
    error: 'historical means nothing without write',
  })

/** A merchant as administrators see it: without the seed of its visitor hashes, which leaves the store for nobody. */
export interface MerchantView {
  readonly id: MerchantId
  readonly name: string
  readonly timeZone: string
  readonly currency: string
  readonly blockedNames: readonly string[]
}

export function merchantView({ id, name, timeZone, currency, blockedNames }: Merchant): MerchantView {
  return { id, name, timeZone, currency, blockedNames }
}

export interface NewMerchant {
  readonly merchant: Merchant
  readonly writeKey: string
  readonly readKey: string
}

type Store = Pick<ControlStore, 'createMerchant' | 'merchant' | 'updateMerchant' | 'addKey'>

/**
 * Makes a merchant with a write and a read key; the keys are shown here and never again.
 * @throws ProblemError 400 `bad_query`, `unknown_zone`; 409 `merchant_exists`
 */
export async function createMerchant(store: Store, random: Random, body: unknown): Promise<NewMerchant> {
  const asked = parsed(newMerchant, body)
  const id = asked.id as MerchantId
  const merchant: Merchant = {
    id,
    name: asked.name,
    timeZone: canonicalZone(asked.timeZone) ?? asked.timeZone,
    currency: asked.currency,
    blockedNames: [...new Set(asked.blockedNames)],
    visitorSeed: Buffer.from(random.bytes(8)).toString('hex'),
  }
  const write = makeKey(random, id, asked.kind, ['write', ...asked.rights])
  const read = makeKey(random, id, 'server', ['read'])
  if ((await store.createMerchant(merchant, [write.stored, read.stored])) === 'exists') {
    throw new ProblemError(409, 'merchant_exists', `there is a merchant ${id}; choose another id, or change that one`)
  }
  return { merchant, writeKey: write.key, readKey: read.key }
}

/** @throws ProblemError 400 `bad_query`, 404 `not_found` */
export async function changeMerchant(store: Store, id: string, body: unknown): Promise<Merchant> {
  const change = parsed(merchantChange, body)
  const changed = merchantIdPattern.test(id)
    ? await store.updateMerchant(id as MerchantId, {
        ...(change.name !== undefined && { name: change.name }),
        ...(change.blockedNames !== undefined && { blockedNames: [...new Set(change.blockedNames)] }),
      })
    : undefined
  if (changed === undefined) throw unknownMerchant(id)
  return changed
}

/** @throws ProblemError 404 `not_found` */
export async function findMerchant(store: Pick<ControlStore, 'merchant'>, id: string): Promise<Merchant> {
  const found = merchantIdPattern.test(id) ? await store.merchant(id as MerchantId) : undefined
  if (found === undefined) throw unknownMerchant(id)
  return found
}

/**
 * Another key for a merchant; shown here and never again.
 * @throws ProblemError 400 `bad_query`, 404 `not_found`
 */
export async function createKey(
  store: Store,
  random: Random,
  id: string,
  body: unknown,
): Promise<{ readonly key: string; readonly kind: KeyKind; readonly rights: readonly KeyRight[] }> {
  const asked = parsed(newKey, body)
  const merchant = await findMerchant(store, id)
  const { key, stored } = makeKey(random, merchant.id, asked.kind, asked.rights)
  await store.addKey(stored)
  return { key, kind: stored.kind, rights: stored.rights }
}

/** A new key and what the store keeps of it. */
export function makeKey(
  random: Random,
  merchant: MerchantId,
  kind: KeyKind,
  rights: readonly KeyRight[],
): { readonly key: string; readonly stored: StoredKey } {
  const key = mintKey(random, rights.includes('write') ? 'write' : 'read')
  return { key, stored: { hash: hashKey(key), merchant, kind, rights } }
}

function unknownMerchant(id: string): ProblemError {
  return new ProblemError(404, 'not_found', `there is no merchant ${JSON.stringify(id.slice(0, 63))}`)
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body, { reportInput: false })
  if (result.success) return result.data
  throw faultyRequest(result.error.issues.flatMap(faultsOf))
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const pointer = jsonPointer(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      fault(jsonPointer([...issue.path, key]), 'unknown_field', 'is not a field of this request'),
    )
  }
  const code = issue.code === 'custom' && typeof issue.params?.code === 'string' ? issue.params.code : 'bad_field'
  return [fault(pointer, code, issue.message)]
}

function fault(pointer: string, code: string, message: string): Fault {
  return { pointer, code, message: `${pointer === '' ? 'the body' : pointer}: ${message}` }
}

/** RFC 6901. */
function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
