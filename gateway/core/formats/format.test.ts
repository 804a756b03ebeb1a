import { describe, expect, it } from 'vitest'
import { chooseFormat } from './format.ts'

const chosen = (accept: string | undefined, format?: unknown) => {
  try {
    return chooseFormat({ format, accept })
  } catch (error) {
    const { status, code } = error as { status: number; code: string }
    return `${status} ${code}`
  }
}

describe('the format of an answer', () => {
  it.each([
    [undefined, 'json'],
    ['*/*', 'json'],
    ['application/json', 'json'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'json'],
    ['text/csv', 'csv'],
    ['text/*', 'csv'],
    ['Text/CSV; header=present; Q=0.5', 'csv'],
    ['application/x-ndjson', 'ndjson'],
    ['application/vnd.apache.arrow.stream', 'arrow'],
    ['application/json;q=0.5, text/csv', 'csv'],
    ['text/csv;q=0.3, application/x-ndjson;q=0.7, application/json;q=0.699', 'ndjson'],
    // The most exact range decides, wherever it stands.
    ['application/json;q=0, application/*', 'ndjson'],
    ['*/*;q=0.1, application/*;q=0, text/csv;q=0.05', 'csv'],
    ['text/csv;q=0.9, */*', 'json'],
    // What is no range says nothing.
    ['json, text/csv', 'csv'],
    ['text/csv;q=2, application/x-ndjson;q=0.1', 'ndjson'],
    ['*/csv, text/csv;q=0.1', 'csv'],
  ])('of Accept: %s is %s', (accept, format) => {
    expect(chosen(accept)).toBe(format)
  })

  it.each(['text/html', 'application/json;q=0', 'image/*', '', ',;,', '*/*;q=0'])('is none of Accept: %s', (accept) => {
    expect(chosen(accept)).toBe('406 not_acceptable')
  })

  it('is the one that ?format= names, whatever Accept says', () => {
    for (const name of ['json', 'ndjson', 'csv', 'arrow']) expect(chosen('text/html', name)).toBe(name)
    expect(chosen('text/csv', 'json')).toBe('json')
  })

  it.each(['xml', '', 'JSON', '__proto__', ['csv', 'json']])('is refused where ?format= is %s', (format) => {
    expect(chosen('text/csv', format)).toBe('400 unknown_format')
  })

  it('is refused with the names there are', () => {
    expect(() => chooseFormat({ format: 'xml', accept: undefined })).toThrow(
      expect.objectContaining({
        extra: {
          allowed: ['json', 'ndjson', 'csv', 'arrow'],
          errors: [{ pointer: '/format', code: 'unknown_format', message: expect.stringContaining('"xml"') }],
        },
      }),
    )
  })

  it('takes time in proportion to the header only', () => {
    expect(chosen(`${'text/x;q=0.1,'.repeat(5_000)}text/csv`)).toBe('csv')
  })
})
