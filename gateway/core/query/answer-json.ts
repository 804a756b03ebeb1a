/** The JSON of a finished answer, as text: counts beyond 2^53 as strings, money as decimal strings, nothing rounded. */
import { type AnswerRow, otherLabel, type QueryAnswer } from './answer.ts'
import { metricJson } from './metric-values.ts'

/** `{"results":[{"dimensions":[…],"metrics":[…]}],"meta":{…},"query":{…}}`. `results`: the JSON of each row. */
export function queryJson({ rows, meta, query }: QueryAnswer, results = rows.map(rowJson)): string {
  return `{"results":[${results.join(',')}],"meta":${JSON.stringify(meta)},"query":${JSON.stringify(query)}}`
}

export function rowJson({ dimensions, metrics, compare, other }: AnswerRow): string {
  const list = (values: AnswerRow['metrics']) => `[${values.map(metricJson).join(',')}]`
  const labels = JSON.stringify(labelsOf({ dimensions, ...(other && { other }) }))
  const flag = other ? ',"other":true' : ''
  return `{"dimensions":${labels},"metrics":${list(metrics)}${compare ? `,"compare":${list(compare)}` : ''}${flag}}`
}

/** As they are shown: the first dimension without a value of an `other` row reads `(other)`. */
export function labelsOf({ dimensions, other }: Pick<AnswerRow, 'dimensions' | 'other'>): readonly (string | null)[] {
  if (!other) return dimensions
  const at = dimensions.indexOf(null)
  return dimensions.map((each, i) => (i === at ? otherLabel : each))
}
