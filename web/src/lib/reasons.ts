// Why a frame is suggested, in the user's language.
import type { Reason, Skeleton, Suggested } from "./api";
import { formatted, t } from "./i18n.svelte";

export function reasonIn(reason: Reason, skeleton: Skeleton): string {
  const name = skeleton.keypoints.find((k) => k.id === reason.keypoint)?.name ?? "";
  const digits = reason.kind === "confidence" ? 2 : reason.kind === "limb" ? 1 : 0;
  return t(`reason.${reason.kind}`, { name, value: formatted(reason.value, digits) });
}

/** The strongest reasons in one line. */
export const reasonsOf = (suggested: Suggested, skeleton: Skeleton, most = 2) =>
  suggested.reasons.slice(0, most).map((r) => reasonIn(r, skeleton)).join("; ") || t("reason.variety");
