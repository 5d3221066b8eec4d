// Which triangle is seen: its place in the list, counted from 1.
layout(location = 0) out vec4 triangle;

void main() {
    triangle = vec4(float(gl_PrimitiveID + 1), 0., 0., 1.);
}
