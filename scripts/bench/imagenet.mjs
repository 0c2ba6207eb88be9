// How MobileNetV2 for ImageNet takes its pictures.
export const imagenet = {
  kind: 'image',
  width: 224,
  height: 224,
  channels: 'rgb',
  layout: 'nchw',
  range: [0, 1],
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  resize: 'cover',
  crop: 1,
  interpolation: 'linear',
  background: [0, 0, 0],
};
