import { writeFileSync } from 'node:fs';
import { TestEnvironment } from 'jest-environment-node';

/** What Stryker puts into mutated code counts in this global which mutants were reached. */
interface Instrumented {
  __stryker__?: { mutantCoverage?: { static: Record<string, number> } };
}

interface CircusEvent {
  name: string;
  test?: { mode?: string | null };
}

/** The environment of one test file that runs against a mutant. */
export default class MutationEnvironment extends TestEnvironment {
  private failed = false;

  /** One failure kills the mutant: the rest of the file is skipped, and its hooks clean up. */
  handleTestEvent(event: CircusEvent): void {
    if (event.name === 'test_fn_failure' || event.name === 'hook_failure') this.failed = true;
    if (this.failed && event.name === 'test_start') event.test!.mode = 'skip';
  }

  override async teardown(): Promise<void> {
    const file = process.env['DARKROOM_MUTANT_COVERAGE'];
    const reached = (this.global as Instrumented).__stryker__?.mutantCoverage?.static ?? {};
    if (file !== undefined) writeFileSync(file, JSON.stringify(reached));
    await super.teardown();
  }
}
