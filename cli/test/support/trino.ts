/** Trino as a test sees it, over its own protocol: statements, and the moment in which a MERGE runs. */

interface Page {
  readonly nextUri?: string
  readonly data?: readonly (readonly unknown[])[]
  readonly error?: { readonly message: string }
}

/** All rows of a statement. @throws what Trino says */
export async function trinoRows(url: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const headers = { 'x-trino-user': 'test' }
  let page = (await (await fetch(`${url}/v1/statement`, { method: 'POST', headers, body: sql })).json()) as Page
  const rows: (readonly unknown[])[] = [...(page.data ?? [])]
  while (page.nextUri !== undefined) {
    page = (await (await fetch(page.nextUri, { headers })).json()) as Page
    if (page.error !== undefined) throw new Error(page.error.message)
    rows.push(...(page.data ?? []))
  }
  return rows
}

/** Resolves while a MERGE runs, or after `withinMs` without one. */
export async function whileMerging(url: string, withinMs: number): Promise<'merging' | 'none'> {
  const sql = "SELECT 1 FROM system.runtime.queries WHERE state = 'RUNNING' AND query LIKE 'MERGE%'"
  const deadline = Date.now() + withinMs
  while (Date.now() < deadline) {
    if ((await trinoRows(url, sql)).length > 0) return 'merging'
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return 'none'
}
