import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { currencyCodes, isCurrency } from './currency.ts'
import { isLine, isPropKey, isText } from './text.ts'

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

  it('names a property unless it reaches for the prototype', () => {
    expect(['load_ms', 'größe', '', 'toString', 'prototype'].map(isPropKey)).toEqual([true, true, true, true, true])
    expect(['__proto__', 'constructor', 'a\tb'].map(isPropKey)).toEqual([false, false, false])
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
