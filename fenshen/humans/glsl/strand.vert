in vec3 pos, along, nrm;
in vec4 aux;  // side, half width, light, chance
uniform mat4 view;
uniform vec3 eye;
uniform mat3 head;  // from rest to pose
uniform float least;  // half width below which a strand fades instead of thinning, at unit distance
out vec3 P, T, N;
out vec4 A;

void main() {
    vec3 across = normalize(cross(along, normalize(eye - pos)));
    P = pos + across * aux.x * max(aux.y, least);
    T = along;
    N = head * nrm;
    A = aux;
    gl_Position = view * vec4(P, 1.);
}
