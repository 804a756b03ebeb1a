/**
 * What an administrator may say of a merchant, and what comes of it. Requests are parsed whole: every fault is reported
 * with its JSON pointer, not only the first.
 */
import { z } from 'zod'
import { boundedList, boundedText } from '../../core/bounded.ts'
import { isCurrency } from '../../core/hit/currency.ts'
import { isLine } from '../../core/hit/text.ts'
import { type MerchantId, merchantIdPattern } from '../../core/ids.ts'
import type { Clock, Random } from '../../core/ports/clock.ts'
import {
  type ControlStore,
  formerZonesMax,
  type Merchant,
  type MerchantChange,
  retentionDaysMax,
  type StoredKey,
} from '../../core/ports/control-store.ts'
import { canonicalZone } from '../../core/time/zone-table.ts'
import { hashKey, mintKey } from './keys.ts'
import { canonicalOrigin, originsMax } from './origins.ts'
import { type Fault, faultyRequest, ProblemError } from './problem.ts'

export const merchantNameMaxLength = 200
export const blockedNamesMax = 1_000
export const blockedNameMaxLength = 64
/** Hits per second that a key's own quota may be. */
export const keyQuotaMax = 10_000_000
export const toolMaxLength = 100

// A fault's code travels in the issue's params; without one it is `bad_field`.
const withCode = (code: string, error: string) => ({ params: { code }, error })

const name = boundedText(merchantNameMaxLength, 1)
const blockedNames = boundedList(boundedText(blockedNameMaxLength, 1), blockedNamesMax)
const retentionDays = z.int().min(1).max(retentionDaysMax).nullable()
const kind = z.enum(['browser', 'server'])
const timeZone = z
  .string()
  .refine((text) => canonicalZone(text) !== undefined, withCode('unknown_zone', 'is no time zone; send an IANA name'))

const keyFields = {
  origins: boundedList(
    z
      .string()
      .refine(
        (text) => canonicalOrigin(text) !== undefined,
        'is no web origin; send one such as https://shop.example or https://*.shop.example',
      )
      .transform((text) => canonicalOrigin(text) ?? text),
    originsMax,
  ).default([]),
  quota: z.int().min(1).max(keyQuotaMax).nullable().default(null),
  tool: boundedText(toolMaxLength, 1).refine(isLine, 'must be one line of text').nullable().default(null),
}
const originsOfServer = {
  path: ['origins'],
  error: 'bind browser keys only: no browser tells the truth for a server',
}
const isTwice = (rights: readonly string[]) => new Set(rights).size !== rights.length

export const newMerchant = z
  .strictObject({
    id: z.string().regex(merchantIdPattern, 'must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit'),
    name,
    timeZone,
    currency: z.string().refine(isCurrency, withCode('bad_currency', 'is no ISO 4217 code; send one such as EUR')),
    blockedNames: blockedNames.default([]),
    /** Null: hits are kept for ever. */
    retentionDays: retentionDays.default(null),
    /** What the write key may do beyond writing, or may not. */
    rights: boundedList(z.enum(['historical', 'no_revenue']), 2).default([]),
    /** Of the write key. A server key's own user agent is not judged, so `curl` and imports count. */
    kind: kind.default('server'),
    ...keyFields,
  })
  .refine(({ rights }) => !isTwice(rights), { path: ['rights'], error: 'names a right twice' })
  .refine(({ kind, origins }) => kind === 'browser' || origins.length === 0, originsOfServer)

export const merchantChange = z
  .strictObject({
    name: name.optional(),
    /** Of hits that come from then on; what is stored is made anew by a rerun (docs/how-to/change-a-time-zone.md). */
    timeZone: timeZone.optional(),
    blockedNames: blockedNames.optional(),
    retentionDays: retentionDays.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must hold name, timeZone, blockedNames or retentionDays')

export const newKey = z
  .strictObject({
    kind,
    rights: boundedList(z.enum(['write', 'read', 'historical', 'no_revenue']), 4, 1),
    ...keyFields,
  })
  .refine(({ rights }) => !isTwice(rights), { path: ['rights'], error: 'names a right twice' })
  .refine(({ rights }) => rights.includes('write') || !rights.some((right) => right !== 'read'), {
    path: ['rights'],
    error: 'historical and no_revenue mean nothing without write',
  })
  .refine(({ kind, origins }) => kind === 'browser' || origins.length === 0, originsOfServer)

/** A merchant as administrators see it: without the seed of its visitor hashes, which leaves the store for nobody. */
export interface MerchantView {
  readonly id: MerchantId
  readonly name: string
  readonly timeZone: string
  readonly currency: string
  readonly blockedNames: readonly string[]
  readonly retentionDays: number | null
  /** Rising by when it ended. */
  readonly formerZones: readonly { readonly timeZone: string; readonly until: string }[]
}

export function merchantView(merchant: Merchant): MerchantView {
  const { id, name, timeZone, currency, blockedNames, retentionDays, formerZones = [] } = merchant
  const ended = formerZones.map((former) => ({ ...former, until: new Date(former.until).toISOString() }))
  return { id, name, timeZone, currency, blockedNames, retentionDays, formerZones: ended }
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
    retentionDays: asked.retentionDays,
    visitorSeed: Buffer.from(random.bytes(8)).toString('hex'),
  }
  const write = makeKey(random, id, { ...asked, rights: ['write', ...asked.rights] })
  const read = makeKey(random, id, { ...unbound, kind: 'server', rights: ['read'] })
  if ((await store.createMerchant(merchant, [write.stored, read.stored])) === 'exists') {
    throw new ProblemError(409, 'merchant_exists', `there is a merchant ${id}; choose another id, or change that one`)
  }
  return { merchant, writeKey: write.key, readKey: read.key }
}

/** @throws ProblemError 400 `bad_query`, `unknown_zone`; 404 `not_found`; 409 `too_many_zones` */
export async function changeMerchant(
  store: Store,
  clock: Pick<Clock, 'now'>,
  id: string,
  body: unknown,
): Promise<Merchant> {
  const change = parsed(merchantChange, body)
  const known = await findMerchant(store, id)
  const changed = await store.updateMerchant(known.id, {
    ...(change.name !== undefined && { name: change.name }),
    ...(change.timeZone !== undefined && zoneChange(known, canonicalZone(change.timeZone) ?? change.timeZone, clock)),
    ...(change.blockedNames !== undefined && { blockedNames: [...new Set(change.blockedNames)] }),
    ...(change.retentionDays !== undefined && { retentionDays: change.retentionDays }),
  })
  if (changed === undefined) throw unknownMerchant(id)
  return changed
}

function zoneChange(
  { id, timeZone, formerZones = [] }: Merchant,
  wanted: string,
  clock: Pick<Clock, 'now'>,
): Pick<MerchantChange, 'zone'> {
  const others = formerZones.filter((former) => former.timeZone !== timeZone)
  if (wanted !== timeZone && others.length === formerZonesMax) {
    const detail = `${id} had ${formerZonesMax} other time zones before; a merchant has no more: take one of them back, or make another merchant`
    throw new ProblemError(409, 'too_many_zones', detail, { formerZones: formerZones.map((each) => each.timeZone) })
  }
  // A clock that was set back is told from a change that is told again by this.
  const after = (formerZones.at(-1)?.until ?? Number.NEGATIVE_INFINITY) + 1
  return { zone: { timeZone: wanted, now: Math.max(clock.now(), after) } }
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
export async function createKey(store: Store, random: Random, id: string, body: unknown): Promise<NewKey> {
  const asked = parsed(newKey, body)
  const merchant = await findMerchant(store, id)
  const { key, stored } = makeKey(random, merchant.id, asked)
  await store.addKey(stored)
  const { kind, rights, origins, quota, tool } = stored
  return { key, kind, rights, origins, quota, tool }
}

/** What is chosen of a key; the rest is drawn. */
export type KeyTerms = Pick<StoredKey, 'kind' | 'rights' | 'origins' | 'quota' | 'tool'>

/** A key as its maker is shown it, once. */
export interface NewKey extends KeyTerms {
  readonly key: string
}

const unbound = { origins: [], quota: null, tool: null } as const

/** A new key and what the store keeps of it. */
export function makeKey(
  random: Random,
  merchant: MerchantId,
  { kind, rights, origins, quota, tool }: KeyTerms,
): { readonly key: string; readonly stored: StoredKey } {
  const key = mintKey(random, rights.includes('write') ? 'write' : 'read')
  const stored = { hash: hashKey(key), merchant, kind, rights, origins: [...new Set(origins)], quota, tool }
  return { key, stored }
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
