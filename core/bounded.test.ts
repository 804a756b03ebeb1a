import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { boundedList, boundedText } from './bounded.ts'

const text = boundedText(3, 1)
const list = boundedList(z.number(), 2, 1)
const messages = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map(({ code, message }) => `${code}: ${message}`)

describe('a bounded text', () => {
  it('has from its least to its greatest length, in UTF-16 units', () => {
    const wrong = ['custom: must have 1 to 3 characters']
    expect(['', 'a', 'abc', 'abcd'].map((value) => messages(text, value))).toEqual([wrong, undefined, undefined, wrong])
    // Two units each: zod's own `max` counts them as one.
    expect(['𝒳', '𝒳𝒳'].map((value) => messages(text, value))).toEqual([undefined, wrong])
    expect(messages(boundedText(3), '')).toBeUndefined()
    expect(messages(boundedText(3), 'abcd')).toEqual(['custom: must have at most 3 characters'])
  })

  it('shows a longer one to no rule behind it', () => {
    const seen: string[] = []
    const ruled = text.refine((value) => seen.push(value) > 0)
    expect(messages(ruled, 'abcd')).toHaveLength(1)
    expect(messages(ruled, 'abc')).toBeUndefined()
    expect(seen).toEqual(['abc'])
  })
})

describe('a bounded list', () => {
  it('has from its least to its greatest number of items', () => {
    const wrong = ['custom: must have 1 to 2 items']
    const lists = [[], [1], [1, 2], [1, 2, 3]]
    expect(lists.map((value) => messages(list, value))).toEqual([wrong, undefined, undefined, wrong])
    expect(messages(boundedList(z.number(), 2), [1, 2, 3])).toEqual(['custom: must have at most 2 items'])
  })
})

describe('both', () => {
  it('refuse whatever else comes by its type, and ask nothing else of it', () => {
    for (const json of ['{"length":{"toString":1}}', '{"length":2}', '2', 'null', 'true', '{}']) {
      expect(messages(text, JSON.parse(json)), json).toEqual([expect.stringContaining('invalid_type')])
      expect(messages(list, JSON.parse(json)), json).toEqual([expect.stringContaining('invalid_type')])
    }
  })

  it('say their bounds in JSON Schema, through what is put behind them', () => {
    const schema = z.object({ text: text.refine(() => true).optional(), list: list.default([1]), any: boundedText(9) })
    expect(z.toJSONSchema(schema, { io: 'input' }).properties).toEqual({
      text: { type: 'string', minLength: 1, maxLength: 3 },
      list: { type: 'array', items: { type: 'number' }, minItems: 1, maxItems: 2, default: [1] },
      any: { type: 'string', maxLength: 9 },
    })
  })
})
