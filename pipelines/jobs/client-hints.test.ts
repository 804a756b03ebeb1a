import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClientHints } from '../../core/hit.ts'
import { readClientHints } from './client-hints.ts'

const none: ClientHints = { brands: null, mobile: null, platform: null, platformVersion: null, model: null }
const brands = (list: string) => {
  const { browser, browserIs } = readClientHints({ ...none, brands: list })
  return [browser, browserIs]
}
const platform = (text: string) => readClientHints({ ...none, platform: text }).os

describe('the brands of a browser', () => {
  it.each([
    ['"Chromium";v="126", "Google Chrome";v="126", "Not-A.Brand";v="8"', 'Chrome', 'family'],
    ['"Google Chrome";v="119", "Chromium";v="119", "Not?A_Brand";v="24"', 'Chrome', 'family'],
    ['"Not/A)Brand";v="8", "Chromium";v="126", "Microsoft Edge";v="126"', 'Microsoft Edge', 'exact'],
    ['" Not A;Brand";v="99", "Chromium";v="124", "Opera";v="110"', 'Opera', 'exact'],
    ['"Opera GX";v="109", "Not:A-Brand";v="8", "Chromium";v="123"', 'Opera', 'exact'],
    ['"Brave";v="126", "Chromium";v="126", "Not/A)Brand";v="8"', 'Brave', 'exact'],
    ['"Samsung Internet";v="25.0", "Not.A/Brand";v="24", "Chromium";v="121"', 'Samsung Internet for Android', 'exact'],
    ['"Chromium";v="124", "YaBrowser";v="24.6", "Not-A.Brand";v="99", "Yowser";v="2.5"', 'Yandex Browser', 'exact'],
    ['"Vivaldi";v="6.7", "Chromium";v="124", "Not-A.Brand";v="99"', 'Vivaldi', 'exact'],
    ['"Android WebView";v="126", "Chromium";v="126", "Not(A:Brand";v="24"', 'Chrome', 'family'],
    ['"Not;A=Brand";v="8", "Chromium";v="126"', 'Chromium', 'family'],
    ['"Chromium";v="126", "Microsoft Edge";v="126", "Microsoft Edge WebView2";v="126"', 'Microsoft Edge', 'exact'],
    ['"Google Chrome"', 'Chrome', 'family'],
    ['  "Google Chrome"; v="1" ,"Chromium";v=2;beta', 'Chrome', 'family'],
  ])('%s say %s', (list, browser, is) => {
    expect(brands(list)).toEqual([browser, is])
  })

  it.each([
    '',
    '""',
    'Google Chrome',
    '"Not A;Brand";v="99"',
    '"Not\\\\A\\"Brand";v="99"',
    '"HuaweiBrowser";v="15", "Chromium";v="114", "Not A;Brand";v="24"',
    '"constructor";v="1"',
  ])('%s say nothing, and the user agent is asked', (list) => {
    expect(brands(list)).toEqual([null, 'family'])
  })

  it('are read as far as they go where the header was cut', () => {
    const whole = '"Not/A)Brand";v="8", "Microsoft Edge";v="126", "Chromium";v="126"'
    expect(brands(whole.slice(0, -5))).toEqual(['Microsoft Edge', 'exact'])
    expect(brands(whole.slice(0, 30))).toEqual([null, 'family'])
  })

  it('may hold commas and quotes of their own', () => {
    expect(brands('"Not,A Brand";v="1,2", "Google Chrome";v="126"')).toEqual(['Chrome', 'family'])
    expect(brands('"a\\", \\"Microsoft Edge";v="1"')).toEqual([null, 'family'])
  })
})

describe('the platform', () => {
  it.each([
    ['"Windows"', 'Windows'],
    ['"macOS"', 'macOS'],
    ['"Mac OS X"', 'macOS'],
    ['"Android"', 'Android'],
    ['"iOS"', 'iOS'],
    ['"Chrome OS"', 'Chrome OS'],
    ['"Chromium OS"', 'Chrome OS'],
    ['"Linux"', 'Linux'],
    ['Windows', 'Windows'],
    ['"Unknown"', null],
    ['"Fuchsia"', null],
    ['""', null],
    ['"', null],
  ])('%s is %s', (text, os) => {
    expect(platform(text)).toBe(os)
  })

  it('Linux is a family: a television may be built on it', () => {
    expect(readClientHints({ ...none, platform: '"Linux"' }).osIs).toBe('family')
    expect(readClientHints({ ...none, platform: '"Windows"' }).osIs).toBe('exact')
  })
})

describe('client hints', () => {
  it('say mobile or not, or neither', () => {
    const told = ['?1', '?0', '1', 'true', null].map((mobile) => readClientHints({ ...none, mobile }).mobile)
    expect(told).toEqual(['yes', 'no', null, null, null])
  })

  it('of any text are read without an error, in no longer time than the text allows', () => {
    const part = fc.constantFrom('"', '\\', ';', ',', '=', ' ', 'a', 'v', '*', '"Chromium"', 'Not A;Brand')
    const text = fc.oneof(
      fc.string({ maxLength: 256 }),
      fc.array(part, { maxLength: 256 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (list) => {
        const { browser } = readClientHints({ ...none, brands: list, platform: list, mobile: list })
        expect(browser === null || browser.length > 0).toBe(true)
      }),
      { numRuns: 2_000 },
    )
    for (const hard of ['";a="', '" ', '";a ', ';;;;', '\\"'])
      readClientHints({ ...none, brands: `"${hard.repeat(60)}` })
  })
})
