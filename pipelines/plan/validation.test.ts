import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { StandardSchema } from './standard-schema.ts'
import { refusalReasonMaxLength, validation } from './validation.ts'

const order = z.object({
  id: z.string(),
  cents: z.coerce.number().int(),
  items: z.array(z.object({ 'price/unit': z.number() })).default([]),
})

describe('a validator', () => {
  const judge = validation('orders', order)

  it('hands on what the schema makes of a row', () => {
    expect(judge({ id: 'a', cents: '5', more: true })).toEqual({ to: 'passed', row: { id: 'a', cents: 5, items: [] } })
  })

  it('refuses a row with the path of the first issue as a JSON pointer, and the row as it came', () => {
    const row = { id: 'a', cents: 5, items: [{ 'price/unit': 1 }, { 'price/unit': 'much' }] }
    expect(judge(row)).toEqual({ to: 'refused', reason: 'invalid:/items/1/price~1unit', row })
    expect(judge(5)).toEqual({ to: 'refused', reason: 'invalid:', row: 5 })
  })

  it('cuts a reason that comes of data', () => {
    const wide = validation('wide', z.record(z.string(), z.number()))
    const key = 'k'.repeat(refusalReasonMaxLength)
    expect(wide({ [key]: 'x' })).toMatchObject({ reason: `invalid:/${key}`.slice(0, refusalReasonMaxLength) })
  })

  it('that answers later fails the row it first does so for', () => {
    const schema: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'sometimes',
        validate: (value) => (value === 'later' ? Promise.resolve({ value }) : { value }),
      },
    }
    const sometimes = validation('some', schema)
    expect(sometimes('now')).toEqual({ to: 'passed', row: 'now' })
    expect(() => sometimes('later')).toThrow("'some' has an asynchronous schema")
  })
})
