// Normals in view space and the distance before the camera, for the labels.
layout(location = 0) out vec4 geometry;
in vec3 P, N;
uniform mat4 camera;

void main() {
    vec3 n = mat3(camera) * normalize(N);
    geometry = vec4(n, -(camera * vec4(P, 1.)).z);
}
