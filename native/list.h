// A list through its elements: entering and leaving it takes no memory, so neither can fail, and leaving from
// the middle costs the same with 1,000 as with 1. Everything that is on its way stands in lists of this kind.
// An element has `previous` and `next`, and is in one list at a time.
#ifndef DMREMAP_NATIVE_LIST_H_
#define DMREMAP_NATIVE_LIST_H_

#include <cstddef>

namespace dmremap {

template <typename T>
class List {
 public:
  T* front() const { return head_; }
  bool empty() const { return head_ == nullptr; }
  size_t size() const { return size_; }

  void PushBack(T* element) {
    element->previous = tail_;
    element->next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = element;
    tail_ = element;
    size_++;
  }

  void PushFront(T* element) {
    element->previous = nullptr;
    element->next = head_;
    (head_ != nullptr ? head_->previous : tail_) = element;
    head_ = element;
    size_++;
  }

  void Remove(T* element) {
    (element->previous != nullptr ? element->previous->next : head_) = element->next;
    (element->next != nullptr ? element->next->previous : tail_) = element->previous;
    element->previous = element->next = nullptr;
    size_--;
  }

  // Null where it is empty.
  T* PopFront() {
    T* element = head_;
    if (element != nullptr) Remove(element);
    return element;
  }

  // Everything, in its order; this one is empty then.
  List Take() {
    const List taken = *this;
    *this = List();
    return taken;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_LIST_H_
