import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { boundedList, boundedText } from '../bounded.ts'
import { compileCheck } from './compile-check.ts'
import { hitChecks } from './hit-checks.ts'
import { hitSchema } from './hit-schema.ts'
import { anySentHit, goodSentHit } from './sent-hit-under-test.ts'
import { isLine, isText, knowText } from './text.ts'

describe('the compiled check of a hit', () => {
  const check = hitChecks.unknown

  it('takes every hit that is as documented', () => {
    fc.assert(
      fc.property(goodSentHit, (hit) => {
        expect(check(JSON.parse(JSON.stringify(hit)))).toBe(true)
      }),
      { numRuns: 3_000 },
    )
  })

  it('takes a hit at all its limits', () => {
    const props = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`${i}`.padStart(64, 'k'), 'x'.repeat(1_024)]),
    )
    const line = '𝒳'.repeat(32)
    const campaign = 'x'.repeat(256)
    const hit = {
      ...{ id: line, name: line, visitor: line, session: line, user: line },
      ...{ url: 'x'.repeat(2_048), referrer: 'x'.repeat(2_048), title: 'x'.repeat(300) },
      time: 8.64e15,
      revenue: { amount: '-999999999999.999999', currency: 'EUR' },
      items: Array(100).fill({ id: 'x'.repeat(128), name: 'x'.repeat(300), quantity: -1e308, price: 999_999_999_999 }),
      props,
      context: {
        ...{ userAgent: 'x'.repeat(512), language: 'x'.repeat(128), screen: 'x'.repeat(32), timeZone: 'x'.repeat(64) },
        campaign: { source: campaign, medium: campaign, name: campaign, term: campaign, content: campaign },
      },
    }
    expect(hitSchema.safeParse(hit).error).toBeUndefined()
    expect(check(hit)).toBe(true)
  })

  it('says of any JSON exactly what zod says', () => {
    const verdicts = { taken: 0, refused: 0 }
    fc.assert(
      fc.property(anySentHit, (value) => {
        const zod = hitSchema.safeParse(value).success
        verdicts[zod ? 'taken' : 'refused']++
        expect(check(value)).toBe(zod)
      }),
      { numRuns: 20_000 },
    )
    // A law about equality says little where one side never occurs.
    expect(Math.min(verdicts.taken, verdicts.refused)).toBeGreaterThan(2_000)
  })

  it('says the same where it spares itself what the bytes of the body tell of all strings', () => {
    const bodies = { plain: 0, whole: 0, unknown: 0 }
    const hit = fc.oneof(
      anySentHit,
      anySentHit.map((value) => JSON.parse(JSON.stringify(value ?? null).replace(/\\[^"]/g, '_'))),
    )
    fc.assert(
      fc.property(hit, (value) => {
        const json = JSON.stringify(value) ?? 'null'
        const body = Buffer.from(json)
        const knowledge = knowText(body, body.length === json.length ? 'ASCII' : 'any')
        bodies[knowledge]++
        const parsed = JSON.parse(body.toString())
        expect(hitChecks[knowledge](parsed)).toBe(hitSchema.safeParse(parsed).success)
      }),
      { numRuns: 10_000 },
    )
    expect(Math.min(...Object.values(bodies))).toBeGreaterThan(500)
  })

  it('is not fooled by values that JSON cannot make, either', () => {
    class Hit {
      name = 'x'
    }
    const values = [
      undefined,
      () => 1,
      Symbol('x'),
      1n,
      new Hit(),
      Object.create({ name: 'x' }),
      { name: 'x', id: undefined },
    ]
    for (const value of values) expect(check(value), String(value)).toBe(hitSchema.safeParse(value).success)
  })
})

describe('compiling a check', () => {
  const samples: unknown[] = [
    undefined,
    null,
    '',
    'ab',
    'abcd',
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    true,
    [],
    ['a'],
    ['a', 1],
    {},
    { a: 'x' },
    { a: 1 },
    { b: 1 },
    { a: 'x', b: 1 },
    JSON.parse('{"__proto__":"x"}'),
    JSON.parse('{"a":"x","__proto__":1}'),
    new Date(0),
  ]
  const short = boundedText(3, 1)

  it.each([
    ['a string with a least and a greatest length', short],
    ['a number', z.number()],
    ['a boolean', z.boolean()],
    ['null', z.null()],
    ['an own rule', z.custom((value) => value === 'ab')],
    ['an own rule upon a type', z.string().refine((text) => text !== 'ab')],
    ['something optional', short.optional()],
    ['one of several', z.union([short, z.number(), z.null()])],
    ['a list', boundedList(short, 1)],
    ['a map', z.record(short, z.union([short, z.number()]))],
    ['one rule after the other', z.custom((value) => value !== null).pipe(z.record(short, short))],
    ['a strict object', z.strictObject({ a: short, b: z.number().optional() })],
    ['a strict object of optional fields', z.strictObject({ a: short.optional() })],
    ['a list of unions of objects', z.array(z.union([z.strictObject({ a: short }), short]))],
  ])('of %s accepts what zod accepts', (_name, schema) => {
    const check = compileCheck(schema)
    const nested = samples.map((value) => [value])
    for (const value of [...samples, ...nested])
      expect(check(value), JSON.stringify(value)).toBe(schema.safeParse(value).success)
  })

  it('leaves out the rules that are given, and no other', () => {
    const schema = z.array(z.union([z.string().refine(isText).refine(isLine), z.null()]))
    expect(compileCheck(schema)(['a\nb'])).toBe(false)
    expect(compileCheck(schema, [isText])(['a\nb'])).toBe(false)
    expect(compileCheck(schema, [isText, isLine])(['a\nb', null])).toBe(true)
    expect(compileCheck(schema, [isText, isLine])([1])).toBe(false)
  })

  it.each([
    ['a transform', z.string().transform(Number)],
    ['a default', z.string().default('x')],
    ['coercion', z.coerce.number()],
    ['a format', z.email()],
    ['a pattern', z.string().regex(/a/)],
    ['a least number', z.number().min(1)],
    ['a whole number', z.int()],
    ['a length in code points', z.string().max(3)],
    ["a list's length by zod", z.array(z.string()).min(1)],
    ['an object that drops what it does not know', z.object({ a: z.string() })],
    ['an object that keeps what it does not know', z.looseObject({ a: z.string() })],
    ['a tuple', z.tuple([z.string()])],
    ['a date', z.date()],
    ['something deep inside', z.strictObject({ a: z.array(z.union([z.string(), z.bigint()])) })],
  ])('is refused for %s, which it does not know', (_name, schema) => {
    expect(() => compileCheck(schema)).toThrow(/cannot compile a check/)
  })
})
