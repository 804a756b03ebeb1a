import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { currencyCodes, isCurrency } from './currency.ts'
import { isLine, isPrototypeKey, isText, knowText } from './text.ts'

describe('a text', () => {
  it('may hold any Unicode but NUL and halves of surrogate pairs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(isText(text)).toBe(!text.includes('\0'))
      }),
    )
    for (const half of ['\ud800', '\udfff', 'a\ud83d b', '\ude00\ud83d']) {
      expect(isText(half)).toBe(false)
      expect(isLine(half)).toBe(false)
    }
    expect(isText("line\n'; drop table hits; -- \x7f\u2028😀")).toBe(true)
  })

  it('on one line holds no control character, wherever it stands', () => {
    for (let code = 0; code < 0x3000; code++) {
      const control = code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029
      for (const text of [
        String.fromCharCode(code),
        `ab${String.fromCharCode(code)}`,
        `é${String.fromCharCode(code)}é`,
      ]) {
        expect(isLine(text), `U+${code.toString(16)}`).toBe(!control)
      }
    }
    expect(isLine('𝒳 😀')).toBe(true)
  })

  it('reaches for the prototype as __proto__ and constructor', () => {
    expect(['__proto__', 'constructor', 'prototype', 'toString', ''].map(isPrototypeKey)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
})

describe('a currency', () => {
  it('is a code of ISO 4217 in capitals, in use or withdrawn', () => {
    for (const code of ['EUR', 'USD', 'INR', 'NPR', 'JPY', 'XOF', 'CLF', 'DEM', 'HRK'])
      expect(isCurrency(code)).toBe(true)
    for (const other of [
      'eur',
      'EURO',
      'EU',
      '',
      ' EUR',
      'ZZZ',
      'XXX',
      'XTS',
      'XAU',
      'toString',
      978,
      null,
      undefined,
      ['EUR'],
    ]) {
      expect(isCurrency(other), String(other)).toBe(false)
    }
  })

  it('is in the list that Node knows, where Node names money', () => {
    const missing = Intl.supportedValuesOf('currency').filter(
      (code) => /^X(AU|AG|PT|PD|XX|TS|B\w|SU|UA|DR)$/.test(code) || isCurrency(code),
    )
    expect(missing).toEqual(Intl.supportedValuesOf('currency'))
    expect(new Set(currencyCodes).size).toBe(currencyCodes.length)
    for (const code of currencyCodes) expect(code).toMatch(/^[A-Z]{3}$/)
  })
})

describe('what the bytes of a JSON text tell of its strings', () => {
  const known = (json: string) => knowText(Buffer.from(json), /^[\0-\x7f]*$/.test(json) ? 'ASCII' : 'any')

  it.each([
    ['{"name":"page view","n":[1,true,null]}', 'plain'],
    [' {\n\t"name" : "x" }\r\n', 'plain'],
    ['{"title":"größe"}', 'whole'],
    ['{"title":"a\x7fb"}', 'whole'],
    ['{"title":"a\u0085b"}', 'whole'],
    ['{"title":"a\\nb"}', 'unknown'],
    ['{"url":"https:\\/\\/shop.example"}', 'unknown'],
    ['{"title":"\\ud800"}', 'unknown'],
  ])('%j: %s', (json, expected) => {
    expect(() => JSON.parse(json)).not.toThrow()
    expect(known(json)).toBe(expected)
  })

  it('is true of each of them', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
      fc.string(),
    )
    fc.assert(
      fc.property(text, text, (before, after) => {
        // As bytes come, with nothing escaped: most are no JSON, those that are must keep what was promised.
        const raw = Buffer.from(`{"${before}":"${after}"}`)
        let json: Record<string, string>
        try {
          json = JSON.parse(raw.toString())
        } catch {
          return
        }
        const knowledge = known(raw.toString())
        for (const each of Object.entries(json)
          .flat()
          .filter((value) => typeof value === 'string')) {
          if (knowledge !== 'unknown') expect(isText(each)).toBe(true)
          if (knowledge === 'plain') expect(isLine(each)).toBe(true)
        }
      }),
      { numRuns: 5_000 },
    )
  })
})
