import { describe, expect, it } from 'vitest'
import { chartLines } from './chart.ts'
import { tableLines } from './table.ts'

describe('an answer in a terminal', () => {
  it('aligns texts to the left and numbers to the right', () => {
    const rows = [
      ['/', '1,204'],
      ['/products/oak-kettle', '87'],
    ]
    expect(tableLines(['page', 'hits'], rows, { textColumns: 1, width: 80 })).toEqual([
      'page                   hits',
      '────────────────────  ─────',
      '/                     1,204',
      '/products/oak-kettle     87',
    ])
  })

  it('cuts long texts so that lines fit, and shows no control character', () => {
    const lines = tableLines(['page', 'hits'], [[`/\u001b[2J${'ü'.repeat(200)}`, '1']], { textColumns: 1, width: 40 })
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(40)
    expect(lines.join('')).not.toContain('\u001b')
    expect(lines[2]).toMatch(/^\/·\[2Jü+… +1$/)
  })

  it('draws the largest value as high as there is room, and nothing for nothing', () => {
    const points = [0, 4, 8].map((value, i) => ({ label: `2026-03-0${i + 1}T00:00:00+01:00`, value }))
    expect(chartLines(points, { title: 'hits', width: 9 })).toEqual([
      'hits, up to 8',
      '    ██',
      '    ██',
      '    ██',
      '  ████',
      '  ████',
      '  ████',
      '2026-03-01 2026-03-03',
    ])
    expect(chartLines([{ label: 'a', value: 0 }], { title: 'hits', width: 9 }).slice(1, 7)).toEqual(Array(6).fill(''))
  })

  it('puts more points than fit into shared columns', () => {
    const points = Array.from({ length: 1_000 }, (_, i) => ({ label: String(i), value: i }))
    const lines = chartLines(points, { title: 'hits', width: 80 })
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(80)
  })
})
