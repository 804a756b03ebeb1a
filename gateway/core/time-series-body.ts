/** The JSON of a time series, as text: all but what changes while the numbers do not, which is spliced in per answer. */
import type { SeriesAnswer, SeriesBucket } from './query/answer.ts'
import { metricJson } from './query/metric-values.ts'

/** Text before `meta`'s `asOf` and `complete`. */
export function seriesHead(answer: Omit<SeriesAnswer, 'meta'>): string {
  const { merchant, interval, timeZone, currency, metrics, buckets } = answer
  const names = JSON.stringify({ merchant, interval, timeZone, currency }).slice(0, -1)
  // Joined, not added up: the text is kept, and a flat string is cheaper to send again than a rope of pieces.
  const text = [names, ',"buckets":[']
  buckets.forEach((bucket, i) => {
    text.push(i === 0 ? '' : ',', bucketJson(metrics, bucket))
  })
  text.push('],"meta":{')
  return text.join('')
}

export function bucketJson(metrics: SeriesAnswer['metrics'], { start, end, metrics: values }: SeriesBucket): string {
  const text = ['{"start":"', start, '","end":"', end, '"']
  metrics.forEach((metric, m) => {
    const value = values[m]
    if (value !== undefined) text.push(',"', metric, '":', metricJson(value))
  })
  text.push('}')
  return text.join('')
}

/** `asOf` (ISO text) and `complete`: true when every hit received before the range's end is in the numbers. */
export function freshnessJson(asOf: string, complete: boolean): string {
  return `"asOf":"${asOf}","complete":${complete}`
}

/** Text after them. */
export function seriesTail({ asOf: _, complete: __, ...meta }: SeriesAnswer['meta']): string {
  return `,${JSON.stringify(meta).slice(1)}}`
}
