/**
 * The path a page is counted under. URLs are read as browsers read them (WHATWG URL), so the many spellings of one page
 * become one path: no host, query or fragment, `.` and `..` resolved, repeated slashes one, no slash at the end.
 * Percent signs stay as they came (`%2F` is not `/`); characters that need encoding are encoded. The result is a fixed
 * point: the path of a path is itself.
 */

export const pathMaxLength = 2_048

/** Null where `url` is null or neither a URL with a path nor a text that begins with `/`. */
export function pagePath(url: string | null): string | null {
  if (url === null) return null
  return pathOf(url.startsWith('/') ? parseUrl(`http://path${url}`) : parseUrl(url))
}

/** The same of a URL that is parsed already. */
export function pathOf(url: URL | null): string | null {
  // Of `mailto:` and the like the pathname is something else than a path.
  if (url === null || !url.pathname.startsWith('/')) return null
  let path = url.pathname
  if (path.length > pathMaxLength) path = path.slice(0, pathMaxLength).replace(/%[0-9A-Fa-f]?$/, '')
  if (path.includes('//')) path = path.replace(/\/{2,}/g, '/')
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Null where the text is no URL. Costs no exception: clients send anything. */
export function parseUrl(text: string): URL | null {
  return URL.parse(text)
}
