// Room: cli. `--plan ID`: what is carried out is what was shown, or nothing.
import { clockOfPlan, isPlanId, type Plan } from '../../recovery/rehearse.js';
import type { Context } from '../context.js';
import { ExplainedError } from '../print/failure.js';
import { type Args, UsageError } from './args.js';

/** The plan that was named, and the clock that it was made at; undefined where none was. */
export function plannedOption(context: Context, args: Args, command: string) {
  const id = args.values.get('plan');
  if (id === undefined) return undefined;
  if (!isPlanId(id))
    throw new UsageError(`bad value '${id}' for --plan: the name of a plan that was shown`, command);
  if (!args.flags.has('apply')) throw new UsageError("'--plan' goes with '--apply'", command);
  return { id, now: clockOfPlan(id, context.now()) };
}

/** @throws ExplainedError ERR_PLAN_CHANGED where the trial is not of the plan that was named. */
export function refuseOtherPlan(path: string, trial: Plan<unknown> | null, id: string | undefined): void {
  if (id === undefined || trial?.id === id) return;
  const message = `${path}: the plan ${id} is of other bytes, or of other options`;
  const now =
    trial === null ? 'there is nothing to carry out now, or it is refused' : `the plan is ${trial.id} now`;
  throw new ExplainedError('ERR_PLAN_CHANGED', message, [`${now}: look at it without --apply`]);
}
