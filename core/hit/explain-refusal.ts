/** Says what is wrong with a hit that the compiled check refused: the slow way, for the few that need it. */
import type { z } from 'zod'
import { hitSchema } from './hit-schema.ts'
import { hitLimits } from './limits.ts'
import { isPrototypeKey } from './text.ts'

/** Why one hit of a request is not accepted. */
export type RefusalCode =
  | 'bad_field'
  | 'unknown_field'
  | 'bad_amount'
  | 'bad_currency'
  | 'too_deep'
  | 'too_old'
  | 'hit_too_large'
  | 'revenue_not_allowed'

export interface Refusal {
  readonly code: RefusalCode
  /** RFC 6901, relative to the hit. Empty: the hit itself. */
  readonly pointer: string
  readonly message: string
}

/** Room for a field's name in a message or pointer; longer ones are cut, so that an answer stays smaller than its cause. */
const shownLength = 100

/** The first thing wrong with `value`, depth before fields. Never throws, whatever JSON the value came from. */
export function explainRefusal(value: unknown): Refusal {
  if (depthOf(value, hitLimits.depth) > hitLimits.depth) {
    return { code: 'too_deep', pointer: '', message: `a hit may be nested ${hitLimits.depth} deep` }
  }
  const unasked = refusedUnasked(value)
  if (unasked !== undefined) return unasked
  const issue = hitSchema.safeParse(value).error?.issues[0]
  if (issue === undefined) return { code: 'bad_field', pointer: '', message: 'the hit is not as documented' }
  if (issue.code === 'unrecognized_keys') return unknownField(issue)
  const pointer = jsonPointer(issue.path)
  if (issue.path.length > 0 && valueAt(value, issue.path) === undefined) {
    return { code: 'bad_field', pointer, message: 'is missing' }
  }
  return { code: ownCode(issue) ?? 'bad_field', pointer, message: messageOf(issue) }
}

/** How deep objects and arrays stand inside each other, counted to `limit + 1` at most; a plain value is 0. Uses no stack. */
export function depthOf(value: unknown, limit: number): number {
  let level: object[] = isContainer(value) ? [value] : []
  let depth = 0
  while (level.length > 0 && depth <= limit) {
    depth++
    const next: object[] = []
    for (const container of level) {
      for (const child of Object.values(container)) if (isContainer(child)) next.push(child)
    }
    level = next
  }
  return depth
}

/**
 * What zod says badly: it would explain every member of a list or map before it says that there are too many, and does not
 * say where a `__proto__` stands.
 */
function refusedUnasked(value: unknown): Refusal | undefined {
  if (!isContainer(value)) return undefined
  const { items, props } = value as { readonly items?: unknown; readonly props?: unknown }
  if (isContainer(props) && Object.hasOwn(props, '__proto__')) {
    return { code: 'bad_field', pointer: '/props/__proto__', message: 'no property may be called __proto__' }
  }
  if (Array.isArray(items) && items.length > hitLimits.itemCount) {
    return { code: 'bad_field', pointer: '/items', message: `must have at most ${hitLimits.itemCount} items` }
  }
  if (isContainer(props) && Object.keys(props).length > hitLimits.propCount) {
    return { code: 'bad_field', pointer: '/props', message: `must have at most ${hitLimits.propCount} keys` }
  }
  return undefined
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

type Issue = z.core.$ZodIssue

function unknownField(issue: z.core.$ZodIssueUnrecognizedKeys): Refusal {
  const key = issue.keys.find(isPrototypeKey) ?? issue.keys[0] ?? ''
  const pointer = jsonPointer([...issue.path, key])
  return isPrototypeKey(key)
    ? { code: 'bad_field', pointer, message: `no field may be called ${key}` }
    : { code: 'unknown_field', pointer, message: 'there is no such field; own data goes under props' }
}

function ownCode(issue: Issue): RefusalCode | undefined {
  return issue.code === 'custom' ? (issue.params?.code as RefusalCode | undefined) : undefined
}

function messageOf(issue: Issue): string {
  if (issue.code === 'invalid_union') return 'must be a string, a finite number, true, false or null, within its limits'
  if (issue.code === 'invalid_key') return `this key is not allowed: ${issue.issues[0]?.message ?? 'not a key'}`
  return issue.message
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const key of path) at = isContainer(at) ? (at as Record<PropertyKey, unknown>)[key] : undefined
  return at
}

function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${shown(String(key)).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

// Cut between characters and made well-formed: the pointer goes back as JSON in UTF-8.
function shown(key: string): string {
  const cut = key.length > shownLength ? `${key.slice(0, shownLength)}…` : key
  return (cut as unknown as { toWellFormed(): string }).toWellFormed()
}
