/** A hit as the address of an image: the door for e-mails and pages that run no script. */
import { type Fault, faultyRequest } from './problem.ts'

/** Parameters that are a hit's fields; `key` and `p.<property>` come beside them. */
const fields = ['id', 'name', 'time', 'visitor', 'session', 'url', 'referrer', 'title'] as const
type Field = (typeof fields)[number]

const propPrefix = 'p.'
/** Room for a parameter's name in a fault. */
const shownLength = 100

/**
 * The hit that a query string says, not yet checked. A field whose parameter is empty counts as left out: templates fill
 * in what they have. `p.<property>` is a property, as text, empty or not. `time` of digits alone is milliseconds.
 * @throws ProblemError 400 `bad_query` for parameters that do not exist or come twice
 */
export function pixelHit(query: Readonly<Record<string, unknown>>): unknown {
  const faults: Fault[] = []
  const hit: Partial<Record<Field, string | number>> = {}
  const props: [string, string][] = []
  for (const [name, value] of Object.entries(query)) {
    if (name === 'key') continue
    const field = fields.find((each) => each === name)
    if (field === undefined && !name.startsWith(propPrefix)) {
      faults.push(fault(name, `is not a parameter here; there are key, ${fields.join(', ')} and p.<property>`))
    } else if (typeof value !== 'string') faults.push(fault(name, 'is given more than once'))
    else if (field === undefined) props.push([name.slice(propPrefix.length), value])
    else if (value !== '') hit[field] = field === 'time' && /^\d{1,15}$/.test(value) ? Number(value) : value
  }
  if (faults.length > 0) throw faultyRequest(faults)
  // fromEntries makes own properties of all names, `__proto__` too, so that the check sees them.
  return props.length === 0 ? hit : { ...hit, props: Object.fromEntries(props) }
}

function fault(name: string, what: string): Fault {
  const shown = name.slice(0, shownLength)
  const pointer = `/${shown.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return { pointer, code: 'bad_query', message: `${shown} ${what}` }
}
