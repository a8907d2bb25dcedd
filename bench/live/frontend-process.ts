/** A child with the frontend before workers that are there already. */
import { startFrontend } from "#mocker/frontend";
import { answerCalls } from "./child.ts";

export interface FrontendPlan {
  workers: string[];
}

async function start(plan: FrontendPlan): Promise<string> {
  const frontend = await startFrontend({ port: 0, discovery: { kind: "static", workers: plan.workers } });
  return frontend.url;
}

answerCalls({ start });
