import { describe, expect, it } from 'vitest'
import { metricOf } from './http-client.ts'

const exposition = `# HELP rows_total Rows.
# TYPE rows_total counter
rows_total{table="hits"} 3
rows_total{table="hourly"} 4.5
rows_total_more 100
bytes 12
`

describe('a metric read from its text', () => {
  it.each([
    ['bytes', 12],
    ['rows_total', 7.5],
    ['rows_total_more', 100],
  ])('%s is %d, over all its labels', (name, value) => {
    expect(metricOf(exposition, name)).toBe(value)
  })

  it('is no number where there is none', () => {
    expect(metricOf(exposition, 'rows')).toBeNaN()
  })
})
