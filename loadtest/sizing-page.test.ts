import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Figure, readRecord } from '../bench/record.ts'
import { baseHitsPerSecond, peakHitsPerSecond } from './lib/scale.ts'

const page = readFileSync(new URL('../docs/how-to/size-a-cluster.md', import.meta.url), 'utf8')
/** Times that a record may say worse than what the page works with: then what the page plans is too small. */
const furthestWorse = 1.5
/** And better: a plan from a busy machine is too large, which does less harm. */
const furthestBetter = 5
/** Results are rounded to two or three digits, and so is what they are made of. */
const roundedBy = 0.02

interface Cited {
  readonly value: number
  readonly unit: string
  readonly suite: string
  readonly figure: string
}

const cited: readonly Cited[] = [...page.matchAll(/^\| [^|]+ \| ([\d.,]+) ([^|]+) \| `([a-z-]+)`: ([^|]+) \|$/gm)].map(
  ([, value = '', unit = '', suite = '', figure = '']) => ({ value: number(value), unit, suite, figure }),
)
const sums = [...page.matchAll(/`([\d.,()+*/ -]+) = ([\d.,]+)(?: [^`]*)?`/g)].map(([, left = '', right = '']) => ({
  left,
  right,
}))

describe('the sizing page', () => {
  it('has figures and arithmetic', () => {
    expect(cited.length).toBeGreaterThanOrEqual(13)
    expect(sums.length).toBeGreaterThanOrEqual(35)
  })

  it.each(cited)(
    'cites $suite: $figure, which is on record and has not moved far',
    ({ value, unit, suite, figure }) => {
      const { figures } = readRecord(suite) ?? { figures: [] }
      const found = figures.find(({ name }) => name === figure.replace(/ \(ours\)$/, ''))
      expect(found, `${suite}: ${figure}`).toBeDefined()
      const recorded = figure.endsWith(' (ours)') ? (found as Figure).rates?.ours : found?.value
      const better = /\/CPU-s|rows\/s|ratio/.test(unit)
        ? (recorded ?? Number.NaN) / value
        : value / (recorded ?? Number.NaN)
      expect(better).toBeGreaterThanOrEqual(1 / furthestWorse)
      expect(better).toBeLessThanOrEqual(furthestBetter)
    },
  )

  it.each([
    ['steps', '1.3 bytes of memory a hit'],
    ['cluster', '0.25 s of CPU'],
  ])('works with what the remarks of %s say: %s', (suite, words) => {
    expect(readRecord(suite)?.remarks?.join(' ')).toContain(words)
  })

  it.each(sums)('$left = $right', ({ left, right }) => {
    const computed = evaluate(left)
    expect(Math.abs(computed / number(right) - 1), `${left} is ${computed}`).toBeLessThanOrEqual(roundedBy)
  })

  it('works with the load that the scripts send at factor 1', () => {
    expect(page).toContain(`${peakHitsPerSecond.toLocaleString('en')} hits/s`)
    expect(Math.abs(1.2e9 / 86_400 / baseHitsPerSecond - 1)).toBeLessThan(0.01)
  })
})

function number(text: string): number {
  return Number(text.replaceAll(',', ''))
}

/** Sums, products and brackets of numbers, by precedence. */
function evaluate(text: string): number {
  const tokens = text.replaceAll(',', '').match(/[\d.]+|[()+*/-]/g) ?? []
  let at = 0
  const binary = (operators: string, operand: () => number): number => {
    let value = operand()
    while (at < tokens.length && operators.includes(tokens[at] ?? ' ')) {
      const operator = tokens[at++]
      const right = operand()
      value =
        { '+': value + right, '-': value - right, '*': value * right, '/': value / right }[operator ?? ''] ?? Number.NaN
    }
    return value
  }
  const atom = (): number => {
    const token = tokens[at++]
    if (token !== '(') return Number(token)
    const value = sum()
    at += 1
    return value
  }
  const product = () => binary('*/', atom)
  const sum = (): number => binary('+-', product)
  return sum()
}
