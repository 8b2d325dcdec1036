import { expect, test, vi } from 'vitest';

test('the example of two machines that call each other says what happens, and nothing leaks', async () => {
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(line);
  });
  await import('../examples/cellCalls.ts');
  log.mockRestore();
  expect(lines).toContain('  Oslo heard "Hello Oslo", Berlin heard "Hello Berlin"');
  expect(lines).toContain('  berlin: 2/fax joined');
  expect(lines).toContain("  Berlin's call is ended, Oslo's are ended, ended");
  expect(lines.at(-1)).toBe('Both machines stopped, nothing leaked');
  // A finding would stand between the last two steps.
  expect(lines.at(-2)).toMatch(/^ {2}Berlin's call is ended/);
});
