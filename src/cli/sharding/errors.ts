import { UserError } from "#common";

export function imageNeeded(): UserError {
  return new UserError({
    code: "CLI_IMAGE_NEEDED",
    where: "--image",
    message: "found no image, and the Job's pods run one",
    hint: "name an image of understudy of this version: --image, or $UNDERSTUDY_IMAGE",
  });
}

export function trafficDiffers(): UserError {
  return new UserError({
    code: "CLI_SHARD_TRAFFIC_DIFFERS",
    message: "this shard draws other traffic than the one who cut the job",
    hint: "is the image of the same version, and are the files the same?",
  });
}
