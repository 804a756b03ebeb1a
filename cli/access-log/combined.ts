/**
 * Reads lines of the Apache "combined" log format (Apache HTTP Server documentation, mod_log_config):
 * `address ident user [time] "request" status bytes "referrer" "user agent"`.
 */
export interface LogLine {
  readonly address: string
  /** ISO 8601 with the log's own offset. */
  readonly time: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly referrer: string | null
  /** As logged: `-` where the client sent none, which isbot takes for a bot's, as most of them are. */
  readonly userAgent: string
}

const quoted = '"((?:[^"\\\\]|\\\\.)*)"'
const combined = new RegExp(
  `^(\\S+) \\S+ \\S+ \\[(\\d{2})/(\\w{3})/(\\d{4}):(\\d{2}:\\d{2}:\\d{2}) ([+-]\\d{2})(\\d{2})\\] ${quoted} (\\d{3}) (?:\\d+|-) ${quoted} ${quoted}$`,
)
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The line's parts, or undefined where it is not in the format (cut off, another format). `-` is null. */
export function parseCombined(line: string): LogLine | undefined {
  const match = combined.exec(line)
  if (!match) return undefined
  const [
    ,
    address = '',
    day,
    monthName = '',
    year,
    clock,
    offsetHours,
    offsetMinutes,
    request = '',
    status,
    from,
    agent,
  ] = match
  const month = months.indexOf(monthName) + 1
  if (month === 0) return undefined
  const [method = '', path = ''] = request.split(' ')
  return {
    address,
    time: `${year}-${String(month).padStart(2, '0')}-${day}T${clock}${offsetHours}:${offsetMinutes}`,
    method,
    path,
    status: Number(status),
    referrer: from === undefined || from === '-' || from === '' ? null : unescaped(from),
    userAgent: unescaped(agent ?? ''),
  }
}

function unescaped(text: string): string {
  return text.replace(/\\(["\\])/g, '$1')
}
