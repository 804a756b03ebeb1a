/**
 * Kinds of configuration variables: each turns the text of one environment variable into a checked value and knows what
 * the reference page says of it. A refusal says what would be right; the variable's name is put before it.
 */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { parseByteSize } from './byte-sizes.ts'
import { parseDuration } from './durations.ts'

/** What the reference page needs beside the description; kept in the schema's metadata. */
export interface VariableFacts {
  /** As a person would write it; null: not set. */
  readonly byDefault: string | null
  readonly form: string
}

/** Facts of a schema made here; undefined for any other. */
export const variableFacts = z.registry<VariableFacts>()

type Parsed<T> = { readonly value: T } | { readonly wrong: string }

/** A variable of any kind: `parse` gets the text as set, or the default's. */
export function variable<T>(
  facts: { readonly byDefault: string; readonly form: string },
  parse: (text: string) => Parsed<T>,
) {
  return z
    .string()
    .default(facts.byDefault)
    .transform((text, context): T => {
      const parsed = parse(text)
      if ('value' in parsed) return parsed.value
      context.addIssue({ code: 'custom', message: parsed.wrong })
      return z.NEVER
    })
    .register(variableFacts, facts)
}

/** A variable without a default: undefined where it is not set. */
export function optional<T>(form: string, parse: (text: string) => Parsed<T>) {
  return z
    .string()
    .optional()
    .transform((text, context): T | undefined => {
      if (text === undefined) return undefined
      const parsed = parse(text)
      if ('value' in parsed) return parsed.value
      context.addIssue({ code: 'custom', message: parsed.wrong })
      return z.NEVER
    })
    .register(variableFacts, { byDefault: null, form })
}

/** A variable without which nothing can start. */
export function required<T>(form: string, parse: (text: string) => Parsed<T>) {
  return z
    .string({ error: `must be set: ${form}` })
    .transform((text, context): T => {
      const parsed = parse(text)
      if ('value' in parsed) return parsed.value
      context.addIssue({ code: 'custom', message: parsed.wrong })
      return z.NEVER
    })
    .register(variableFacts, { byDefault: null, form })
}

/** Milliseconds from `least` to `most`, both as durations and both allowed. */
export function duration(byDefault: string, least: string, most: string) {
  const [leastMs, mostMs] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0]
  return variable({ byDefault, form: `duration, ${least} to ${most}` }, (text) => {
    const ms = parseDuration(text)
    if (ms !== undefined && ms >= leastMs && ms <= mostMs) return { value: ms }
    return { wrong: `must be a duration from ${least} to ${most}, such as ${byDefault}, not "${text}"` }
  })
}

/** Bytes, at least `least`. */
export function byteSize(byDefault: string, least: string) {
  const leastBytes = parseByteSize(least) ?? 0
  return variable({ byDefault, form: `size, at least ${least}` }, (text) => {
    const bytes = parseByteSize(text)
    if (bytes !== undefined && bytes >= leastBytes) return { value: bytes }
    return { wrong: `must be a size of at least ${least}, such as ${byDefault}, not "${text}"` }
  })
}

/** A whole number from `least` to `most`, both allowed. */
export function whole(byDefault: number, least: number, most: number) {
  return variable({ byDefault: String(byDefault), form: `whole number, ${least} to ${most}` }, (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return { value }
    return { wrong: `must be a whole number from ${least} to ${most}, not "${text}"` }
  })
}

/** One word of a closed set. */
export function word<const W extends string>(byDefault: W, words: readonly W[]) {
  return variable({ byDefault, form: `one of ${words.join(', ')}` }, (text) => {
    const value = words.find((each) => each === text)
    return value === undefined ? { wrong: `must be one of ${words.join(', ')}, not "${text}"` } : { value }
  })
}

/** Addresses and networks, comma-separated; a bare address is a network of one. */
export function networks(byDefault: string) {
  return variable({ byDefault, form: 'comma-separated networks, `10.0.0.0/8, ::1`' }, (text) => {
    const parts = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
    const wrong = parts.filter((part) => !isNetwork(part))
    if (wrong.length > 0) return { wrong: `must list networks such as 10.0.0.0/8, these are none: ${wrong.join(', ')}` }
    return { value: parts.map((part) => (part.includes('/') ? part : `${part}/${part.includes(':') ? 128 : 32}`)) }
  })
}

// ipaddr.js also reads `10.1` and `0x7f.1`, which nobody means in a list that decides whom to trust.
function isNetwork(text: string): boolean {
  const [address = '', length, ...more] = text.split('/')
  if (more.length > 0 || !(ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address))) return false
  if (length === undefined) return true
  return /^\d{1,3}$/.test(length) && Number(length) <= (ipaddr.IPv6.isValid(address) ? 128 : 32)
}
